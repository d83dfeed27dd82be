// Merges the metadata of handler, task and call in a stable order.

import Logging

/// The metadata of one log entry.
struct LogFields {
    /// The fields that identify a job; they come first, so that truncation never drops them.
    static let leading = ["job_id", "queue", "type", "attempt", "worker_id", "request_id"]

    /// A key and the location of its value.
    ///
    /// Values stay in their dictionary: copying one costs more than sorting all keys.
    struct Field {
        fileprivate let rank: Int
        let key: String
        fileprivate let place: Logger.Metadata.Index
    }

    /// The leading fields in their order, then the others by name.
    let ordered: [Field]
    /// The number of leading fields.
    let leadingCount: Int
    private let all: Logger.Metadata

    /// The call's metadata overrides the provider's, which overrides the handler's.
    init(_ handler: Logger.Metadata, _ provider: Logger.MetadataProvider?, _ event: Logger.Metadata?) {
        var all = handler
        if let provided = provider?.get() { Self.add(provided, to: &all) }
        if let event { Self.add(event, to: &all) }
        var fields: [Field] = []
        fields.reserveCapacity(all.count)
        for place in all.indices {
            let key = all.keys[place]
            fields.append(Field(rank: Self.rank(key), key: key, place: place))
        }
        fields.sort { $0.rank == $1.rank ? $0.key < $1.key : $0.rank < $1.rank }
        leadingCount = fields.count { $0.rank < Self.leading.count }
        ordered = fields
        self.all = all
    }

    /// The value of a field.
    func value(of field: Field) -> Logger.MetadataValue { all.values[field.place] }

    private static func rank(_ key: String) -> Int { leading.firstIndex(of: key) ?? leading.count }

    private static func add(_ more: Logger.Metadata, to all: inout Logger.Metadata) {
        if all.isEmpty { all = more } else { all.merge(more) { $1 } }
    }
}
