// Puts together what a log line says: the metadata of handler, task and call, in an order that never changes.

import Logging

/// The metadata of one log entry.
struct LogFields {
    /// The fields that name a job; they come first in a line, so that a cut never takes them.
    static let leading = ["job_id", "queue", "type", "attempt", "worker_id", "request_id"]

    /// Keys with their values: the leading ones, then the others by name.
    let pairs: [(key: String, value: Logger.MetadataValue)]
    /// How many of the pairs are leading ones.
    let leadingCount: Int

    /// The call's metadata hides the provider's, which hides the handler's.
    init(_ handler: Logger.Metadata, _ provider: Logger.MetadataProvider?, _ event: Logger.Metadata?) {
        var all = handler
        if let provided = provider?.get() { Self.add(provided, to: &all) }
        if let event { Self.add(event, to: &all) }
        var pairs: [(rank: Int, key: String, value: Logger.MetadataValue)] = []
        pairs.reserveCapacity(all.count)
        for (key, value) in all { pairs.append((Self.leading.firstIndex(of: key) ?? Self.leading.count, key, value)) }
        pairs.sort { ($0.rank, $0.key) < ($1.rank, $1.key) }
        leadingCount = pairs.count { $0.rank < Self.leading.count }
        self.pairs = pairs.map { ($0.key, $0.value) }
    }

    private static func add(_ more: Logger.Metadata, to all: inout Logger.Metadata) {
        if all.isEmpty { all = more } else { all.merge(more) { $1 } }
    }
}
