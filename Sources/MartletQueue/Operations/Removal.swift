// Draining a queue, and deleting one: no acknowledged job goes unless it has ended and that is asked for.

import MartletRedis

/// What a drain did.
public struct DrainReport: Sendable, Hashable {
    /// How many waiting jobs were cancelled.
    public var cancelled = 0
    /// How many jobs wait all the same: those that came or came back meanwhile.
    public var waiting = 0
    /// How many jobs run; they end by themselves.
    public var running = 0
}

/// What became of the deletion of a queue.
public enum QueueRemoval: Sendable, Hashable {
    /// It is gone, with so many jobs that had ended.
    case deleted(finished: Int)
    /// It has jobs, so nothing was deleted, except finished ones where that was asked for.
    case notEmpty(waiting: Int, running: Int, finished: Int)
    /// There is no such queue.
    case missing
}

extension Queue {
    /// Cancels all jobs that wait: queued, scheduled, retrying and paused ones.
    ///
    /// Running jobs go on. In steps of 500 jobs, one round trip each; jobs that are pushed meanwhile may stay. `nil` when
    /// there is no such queue. Safe to repeat.
    public func drain() async throws(QueueError) -> DrainReport? {
        guard let found = try await removal("count") else { return nil }
        var report = DrainReport()
        // As many steps as the jobs that waited need: who pushes meanwhile does not keep this going.
        for _ in 0...(found.waiting / Queue.batchLimit) {
            guard let step = try await removal("drain", atMost: Queue.batchLimit) else { return report }
            report.cancelled += step.done
            (report.waiting, report.running) = (step.waiting, step.running)
            if step.waiting == 0 { break }
        }
        return report
    }

    /// Deletes the queue with its settings, if it has no job.
    ///
    /// - Parameter finished: also deletes the jobs that have ended, in steps of 500; without it they keep the queue.
    /// - Returns: what became of it. A queue with a job that has not ended is never deleted.
    ///
    /// Five round trips and one for each 500 finished jobs. The memory of deleted ids goes with the queue, so the same push
    /// creates a new job afterwards. The next push to the queue creates it anew. Safe to repeat.
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
        // The name goes first: whoever notices losses asks for it again when a queue's data is gone.
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
        guard let parts = try await read(.remove, RedisArguments(verb, "\(most)")) else { return nil }
        let numbers = parts.dropFirst().compactMap(\.int)
        guard parts.count == 5, numbers.count == 4 else { throw .broken("remove", .array(parts)) }
        return RemovalStep(done: numbers[0], waiting: numbers[1], running: numbers[2], finished: numbers[3])
    }
}

/// What a step did and what it left.
private struct RemovalStep {
    var done, waiting, running, finished: Int

    var kept: QueueRemoval { .notEmpty(waiting: waiting, running: running, finished: finished) }
}

extension JobStore {
    /// Takes a name out of the registry; whether it was there.
    fileprivate func unregister(_ name: QueueName) async throws(QueueError) -> Bool {
        try await command("SREM", queuesKey, name.description).int == 1
    }

    fileprivate func registerAgain(_ name: QueueName) async throws(QueueError) {
        _ = try await command("SADD", queuesKey, name.description)
    }
}
