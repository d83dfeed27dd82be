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
        if let provided = provider?.get() { all.merge(provided) { $1 } }
        if let event { all.merge(event) { $1 } }
        var first: [(key: String, value: Logger.MetadataValue)] = []
        for key in Self.leading {
            if let value = all.removeValue(forKey: key) { first.append((key, value)) }
        }
        leadingCount = first.count
        pairs = first + all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
