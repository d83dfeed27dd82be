// Draining and deleting queues.

import HTTPTypes
import MartletJSON
import MartletQueue

/// The parameters of the deletion of a queue.
enum QueueRemovalParameter {
    static let confirm = Parameter.text(
        "confirm", "The name of the queue once more, so that no queue is deleted by mistake.", schema: .queueName,
        required: true)
    static let finished = Parameter.flag(
        "finished", "Whether jobs that have finished are deleted with the queue.", default: false)
}

extension API {
    /// Cancels all waiting jobs; reports how many were cancelled, and what is left.
    func drainQueue(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        let queue = try call.queueInPath()
        let report = try await Self.removing(queue) { queue, _ throws(QueueError) in try await queue.drain() }
        guard let report else { throw HTTPProblem.notFound("there is no queue \(queue.name)") }
        return Reply(
            .object([
                "name": .string(queue.name.description), "cancelled": .int(report.cancelled),
                "waiting": .int(report.waiting), "running": .int(report.running),
            ]))
    }

    /// Deletes a queue without jobs; with `?finished=true`, also its finished jobs.
    func deleteQueue(_ call: Call) async throws -> Reply {
        let queue = try call.queueInPath()
        let finished = try call.query.read(QueueRemovalParameter.finished) ?? false
        guard try call.query.read(QueueRemovalParameter.confirm) == queue.name.description else {
            throw HTTPProblem.invalid("?confirm", "must repeat the name of the queue that is to be deleted")
        }
        let removal = try await Self.removing(queue) { queue, isRepeat throws(QueueError) in
            let removal = try await queue.delete(finished: finished)
            // The lost first attempt may have deleted it.
            return isRepeat && removal == .missing ? .deleted(finished: 0) : removal
        }
        switch removal {
        case .deleted(let jobs):
            return Reply(.object(["name": .string(queue.name.description), "deleted_jobs": .int(jobs)]))
        case .missing: throw HTTPProblem.notFound("there is no queue \(queue.name)")
        case .notEmpty(let waiting, let running, let ended):
            throw HTTPProblem(
                .queueNotEmpty,
                "the queue \(queue.name) has jobs: \(waiting) wait, \(running) run, \(ended) have finished; drain it, wait for "
                    + "those that run, and delete it with ?finished=true"
            )
            .with("waiting", .int(waiting)).with("running", .int(running)).with("finished", .int(ended))
        }
    }

    /// Repeats once after a lost reply; what the first attempt did is not done again.
    private static func removing<Value>(
        _ queue: Queue, _ change: (_ queue: Queue, _ isRepeat: Bool) async throws(QueueError) -> Value
    ) async throws(WriteError) -> Value {
        do throws(QueueError) {
            return try await repeatedOnce { isRepeat throws(QueueError) in try await change(queue, isRepeat) }
        } catch {
            throw WriteError(error: error, more: [("queue", .string(queue.name.description))])
        }
    }
}
