// The handlers of a running worker by wire name; checked once at the start.

import MartletJobs
import MartletQueue

/// Maps types of jobs to their handlers.
struct HandlerTable: Sendable {
    private let entries: [String: HandlerEntry]

    /// Throws ``WorkerError`` when a wire name is invalid or has two handlers.
    init(_ handlers: Handlers) throws(WorkerError) {
        var entries: [String: HandlerEntry] = [:]
        for entry in handlers.entries {
            guard entry.type.isLabel(upTo: NewJob.Limit.type) else {
                throw .badTypeName(entry.type, handler: entry.name)
            }
            if let first = entries.updateValue(entry, forKey: entry.type) {
                throw .duplicateHandlers(type: entry.type, first.name, entry.name)
            }
        }
        guard !entries.isEmpty else { throw .noHandlers }
        self.entries = entries
    }

    /// The wire names of all handlers.
    var types: some Collection<String> { entries.keys }

    /// The handler for a type of job.
    subscript(type: String) -> HandlerEntry? { entries[type] }
}
