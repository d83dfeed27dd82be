// Puts together what a log line says: the metadata of handler, task and call, in an order that never changes.

import Logging

/// The metadata of one log entry.
struct LogFields {
    /// The fields that name a job; they come first in a line, so that a cut never takes them.
    static let leading = ["job_id", "queue", "type", "attempt", "worker_id", "request_id"]

    /// A key and where its value is.
    ///
    /// Values stay in their table: to copy one costs more than to sort all keys.
    struct Field {
        fileprivate let rank: Int
        let key: String
        fileprivate let place: Logger.Metadata.Index
    }

    /// The leading fields in their order, then the others by name.
    let ordered: [Field]
    /// How many of the fields are leading ones.
    let leadingCount: Int
    private let all: Logger.Metadata

    /// The call's metadata hides the provider's, which hides the handler's.
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

    /// The value of one of the fields.
    func value(of field: Field) -> Logger.MetadataValue { all.values[field.place] }

    private static func rank(_ key: String) -> Int { leading.firstIndex(of: key) ?? leading.count }

    private static func add(_ more: Logger.Metadata, to all: inout Logger.Metadata) {
        if all.isEmpty { all = more } else { all.merge(more) { $1 } }
    }
}
