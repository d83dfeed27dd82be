// Draining a queue and deleting one.

import HTTPTypes
import MartletQueue

extension API {
    /// Cancels all that waits; says how many jobs this call cancelled, and what is left.
    func drainQueue(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        let queue = try call.queueInPath()
        let report = try await Self.removing(queue) { queue throws(QueueError) in try await queue.drain() }
        guard let report else { throw Problem.notFound("there is no queue \(queue.name)") }
        return Reply(
            .object([
                "name": .string(queue.name.description), "cancelled": .int(report.cancelled),
                "waiting": .int(report.waiting), "running": .int(report.running),
            ]))
    }

    /// Deletes a queue without jobs; with `?finished=true` also the jobs that have ended.
    func deleteQueue(_ call: Call) async throws -> Reply {
        let queue = try call.queueInPath()
        let finished = try Self.flag("finished", call.query)
        let removal = try await Self.removing(queue) { queue throws(QueueError) in
            try await queue.delete(finished: finished)
        }
        switch removal {
        case .deleted(let jobs):
            return Reply(.object(["name": .string(queue.name.description), "deleted_jobs": .int(jobs)]))
        case .missing: throw Problem.notFound("there is no queue \(queue.name)")
        case .notEmpty(let waiting, let running, let ended):
            throw Problem(
                .conflict, "queue-not-empty",
                "the queue \(queue.name) has jobs: \(waiting) wait, \(running) run, \(ended) have ended; drain it, wait for "
                    + "those that run, and delete it with ?finished=true"
            )
            .with("waiting", .int(waiting)).with("running", .int(running)).with("finished", .int(ended))
        }
    }

    private static func flag(_ name: String, _ query: Query) throws(Problem) -> Bool {
        switch query[name] {
        case nil, "false": return false
        case "true": return true
        default: throw .invalid("?\(name)", "must be true or false")
        }
    }

    /// Said twice where a reply was lost: what a first try did is not done again.
    private static func removing<Value>(
        _ queue: Queue, _ change: (Queue) async throws(QueueError) -> Value
    ) async throws(WriteFault) -> Value {
        do throws(QueueError) { return try await saidTwice { _ throws(QueueError) in try await change(queue) } } catch {
            throw WriteFault(error: error, more: [("queue", .string(queue.name.description))])
        }
    }
}
