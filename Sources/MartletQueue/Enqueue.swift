// Pushing jobs: one, many each by itself, or many all or nothing.

import MartletJobs
import MartletRedis

extension Queue {
    /// Pushes jobs, each judged by itself.
    ///
    /// One round trip for each 500 jobs or MiB.
    ///
    /// Safe to repeat with the same ids: what is there already answers ``EnqueueVerdict/existing(_:)``.
    public func enqueue(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueVerdict] {
        if jobs.count == 1 { return [try await enqueue(jobs[0])] }
        return try await enqueueInSlices(jobs)
    }

    /// Pushes one job.
    ///
    /// One round trip. Pushes of many tasks at once travel together; each is judged by itself.
    public func enqueue(_ job: NewJob) async throws(QueueError) -> EnqueueVerdict {
        do throws(QueueError) {
            return try await calls.pushes.call(job) { jobs throws(QueueError) in try await enqueueInSlices(jobs) }
        } catch {
            // The others of the batch are none of this caller's business.
            var own = error
            own.ids = [job.id]
            throw own
        }
    }

    private func enqueueInSlices(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueVerdict] {
        var verdicts: [EnqueueVerdict] = []
        verdicts.reserveCapacity(jobs.count)
        for chunk in Self.bySize(jobs) {
            let reply = try await push(chunk, mode: "each")
            guard reply.first?.string == "ok", reply.count == chunk.count + 1 else {
                throw .broken("enqueue", .array(reply))
            }
            for part in reply.dropFirst() { verdicts.append(try EnqueueVerdict(part)) }
        }
        return verdicts
    }

    /// Pushes up to 10 000 jobs and 16 MiB, all of them or none, in one script.
    ///
    /// Only one such push at a time runs in a process, since each may hold Redis for up to 0.1 s.
    public func enqueueAtomically(_ jobs: [NewJob]) async throws(QueueError) -> AtomicEnqueueResult {
        for (index, job) in jobs.enumerated() {
            if let field = job.invalidField { return .refused(index: index, .invalid(field)) }
        }
        await store.atomicPushes.enter()
        defer { store.atomicPushes.leave() }
        let reply = try await push(jobs[...], mode: "atomic")
        if reply.first?.string == "ok", reply.count == jobs.count + 1 {
            var verdicts: [EnqueueVerdict] = []
            for part in reply.dropFirst() { verdicts.append(try EnqueueVerdict(part)) }
            return .accepted(verdicts)
        }
        guard reply.first?.string == "refused", reply.count == 4, let index = reply[1].int else {
            throw .broken("enqueue", .array(reply))
        }
        return .refused(index: index - 1, try EnqueueVerdict(.array(Array(reply[2...]))))
    }

    private func push(_ jobs: ArraySlice<NewJob>, mode: String) async throws(QueueError) -> [RedisValue] {
        var arguments = RedisArguments(mode)
        arguments.reserveCapacity(jobs.reduce(0) { $0 + $1.wireSize })
        for job in jobs { job.append(to: &arguments) }
        let value = try await run(.enqueue, arguments, ids: jobs.map(\.id))
        guard let parts = value.array else { throw .broken("enqueue", value) }
        return parts
    }

    /// Slices of at most 500 jobs and about a MiB.
    private static func bySize(_ jobs: [NewJob]) -> [ArraySlice<NewJob>] {
        var slices: [ArraySlice<NewJob>] = []
        var start = 0
        var bytes = 0
        for (index, job) in jobs.enumerated() {
            if index > start, index - start == batchLimit || bytes + job.wireSize > 1 << 20 {
                slices.append(jobs[start..<index])
                (start, bytes) = (index, 0)
            }
            bytes += job.wireSize
        }
        if start < jobs.count { slices.append(jobs[start...]) }
        return slices
    }
}

extension EnqueueVerdict {
    init(_ value: RedisValue) throws(QueueError) {
        if let number = value.int, value.array == nil {
            self = .created(number == 2 ? .scheduled : .queued)
            return
        }
        let parts = value.array ?? []
        let detail = parts.dropFirst().first?.string ?? ""
        switch parts.first?.string {
        case "exists": self = .existing(JobState(rawValue: detail) ?? .queued)
        case "deleted": self = .deleted
        case "conflict": self = .conflict
        case "invalid": self = .invalid(detail)
        case "unique":
            guard let holder = JobID(detail) else { throw .broken("enqueue", value) }
            self = .uniqueKeyTaken(by: holder)
        default: throw .broken("enqueue", value)
        }
    }
}
