// Draining and deleting queues; unfinished jobs are never deleted.

import MartletRedis

/// The result of a drain.
public struct DrainReport: Sendable, Hashable {
    /// The number of waiting jobs that were cancelled.
    public var cancelled = 0
    /// The number of jobs that still wait: pushed or returned meanwhile.
    public var waiting = 0
    /// The number of running jobs; they finish by themselves.
    public var running = 0
}

/// The result of deleting a queue.
///
/// ```swift
/// switch try await queue.delete(finished: true) {
/// case .deleted(let finished): print("deleted, with \(finished) finished jobs")
/// case .notEmpty(let waiting, let running, _): print("\(waiting) jobs wait and \(running) run; drain it first")
/// case .missing: print("there is no such queue")
/// }
/// ```
public enum QueueRemoval: Sendable, Hashable {
    /// The queue was deleted, with this many finished jobs.
    case deleted(finished: Int)
    /// The queue has jobs, so it was not deleted; finished jobs were, if requested.
    case notEmpty(waiting: Int, running: Int, finished: Int)
    /// There is no such queue.
    case missing
}

extension Queue {
    /// Cancels all waiting jobs: queued, scheduled, retrying and paused ones.
    ///
    /// Running jobs continue. It works in steps of 500 jobs, one round trip each; jobs pushed meanwhile may remain.
    /// Safe to repeat.
    ///
    /// - Returns: what was done; `nil` when there is no such queue.
    /// - Throws: ``QueueError``.
    public func drain() async throws(QueueError) -> DrainReport? {
        guard let found = try await removal("count") else { return nil }
        var report = DrainReport()
        // The number of steps is bounded by the jobs that waited, so that new pushes cannot extend it.
        for _ in 0...(found.waiting / Queue.batchLimit) {
            guard let step = try await removal("drain", atMost: Queue.batchLimit) else { return report }
            report.cancelled += step.done
            (report.waiting, report.running) = (step.waiting, step.running)
            if step.waiting == 0 { break }
        }
        return report
    }

    /// Deletes the queue with its settings, if it has no jobs.
    ///
    /// It takes five round trips, plus one per 500 finished jobs. The tombstones of deleted ids are deleted too, so the
    /// same push creates a new job afterwards. The next push creates the queue again. Safe to repeat.
    ///
    /// - Parameter finished: whether to delete finished jobs too, in steps of 500; otherwise they keep the queue.
    /// - Returns: the result. A queue with an unfinished job is never deleted.
    /// - Throws: ``QueueError``.
    public func delete(finished: Bool = false) async throws(QueueError) -> QueueRemoval {
        guard let found = try await removal("count") else {
            return try await store.unregister(name) ? .deleted(finished: 0) : .missing
        }
        if found.waiting + found.running > 0 || (found.finished > 0 && !finished) { return found.kept }
        var forgotten = 0
        for _ in 0...(found.finished / Queue.batchLimit) where found.finished > 0 {
            guard let step = try await removal("empty", atMost: Queue.batchLimit) else { break }
            forgotten += step.done
            if step.finished == 0 { break }
        }
        // The name is removed first: loss detection checks it again when a queue's data is missing.
        _ = try await store.unregister(name)
        let last: RemovalStep?
        do throws(QueueError) { last = try await removal("delete") } catch {
            if case .unknown = error.kind { throw error }
            try? await store.registerAgain(name)
            throw error
        }
        if let last, last.waiting + last.running + last.finished > 0 {
            try await store.registerAgain(name)
            return last.kept
        }
        store.restartPushMarks(of: name.description, at: 0)
        return .deleted(finished: forgotten)
    }

    private func removal(_ verb: String, atMost most: Int = 0) async throws(QueueError) -> RemovalStep? {
        let arguments = RedisArguments(verb, "\(most)")
        guard let parts = try await read(.remove, verb == "count" ? arguments : recording(arguments)) else {
            return nil
        }
        let numbers = parts.dropFirst().compactMap(\.int)
        guard parts.count == 5, numbers.count == 4 else { throw .broken("remove", .array(parts)) }
        return RemovalStep(done: numbers[0], waiting: numbers[1], running: numbers[2], finished: numbers[3])
    }
}

/// The result of a step.
private struct RemovalStep {
    var done, waiting, running, finished: Int

    var kept: QueueRemoval { .notEmpty(waiting: waiting, running: running, finished: finished) }
}

extension JobStore {
    /// Removes a name from the registry; returns whether it was there.
    fileprivate func unregister(_ name: QueueName) async throws(QueueError) -> Bool {
        try await command("SREM", queuesKey, name.description).int == 1
    }

    fileprivate func registerAgain(_ name: QueueName) async throws(QueueError) {
        _ = try await command("SADD", queuesKey, name.description)
    }
}
