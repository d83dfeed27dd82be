// Pushing jobs: one, many each by itself, or many all or nothing.

import MartletJobs
import MartletRedis

extension Queue {
    /// Pushes jobs, each judged by itself.
    ///
    /// One round trip for each 200 jobs or MiB; the next is written while one is under way.
    ///
    /// Safe to repeat with the same ids: what is there already answers ``EnqueueVerdict/existing(_:)``.
    public func enqueue(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueVerdict] {
        if jobs.count == 1 { return [try await enqueue(jobs[0])] }
        guard jobs.contains(where: { $0.invalidField != nil }) else { return try await enqueueInSlices(jobs) }
        var judged = try await enqueueInSlices(jobs.filter { $0.invalidField == nil })[...]
        return jobs.map { job in job.invalidField.map { .invalid($0) } ?? judged.removeFirst() }
    }

    /// Pushes one job.
    ///
    /// One round trip. Pushes of many tasks at once travel together; each is judged by itself.
    public func enqueue(_ job: NewJob) async throws(QueueError) -> EnqueueVerdict {
        if let field = job.invalidField { return .invalid(field) }
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
        let slices = Self.bySize(jobs)
        var verdicts: [EnqueueVerdict] = []
        verdicts.reserveCapacity(jobs.count)
        var next = PushCall(slices.first ?? [])
        for following in slices.dropFirst() {
            let call = next
            // While one slice is on its way the next is written. Never two on the way: their order is the jobs' order.
            async let reply = pushed(call)
            next = PushCall(following)
            verdicts += try call.verdicts(await reply.get())
        }
        if !jobs.isEmpty { verdicts += try next.verdicts(await pushed(next).get()) }
        return verdicts
    }

    private func pushed(_ call: PushCall) async -> Result<RedisValue, QueueError> {
        do throws(QueueError) {
            return .success(try await run(.enqueue, call.arguments, ids: call.ids))
        } catch { return .failure(error) }
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
        let call = PushCall(jobs[...], mode: "atomic")
        let reply = try await pushed(call).get()
        guard let parts = reply.array, parts.first?.string == "refused" else {
            return .accepted(try call.verdicts(reply))
        }
        guard parts.count == 4, let index = parts[1].int else { throw .broken("enqueue", reply) }
        return .refused(index: index - 1, try EnqueueVerdict(.array(Array(parts[2...]))))
    }

    /// The most jobs of one call.
    private static let pushLimit = 200

    /// Slices of at most 200 jobs and about a MiB.
    ///
    /// Larger ones cost Redis no less for each job, and leave it idle for longer while the next is written.
    private static func bySize(_ jobs: [NewJob]) -> [ArraySlice<NewJob>] {
        var slices: [ArraySlice<NewJob>] = []
        var start = 0
        var bytes = 0
        for (index, job) in jobs.enumerated() {
            if index > start, index - start == pushLimit || bytes + job.wireSize > 1 << 20 {
                slices.append(jobs[start..<index])
                (start, bytes) = (index, 0)
            }
            bytes += job.wireSize
        }
        if start < jobs.count { slices.append(jobs[start...]) }
        return slices
    }
}

/// A call of the script `enqueue` and how its answer is read.
struct PushCall: Sendable {
    let arguments: RedisArguments
    private let jobs: ArraySlice<NewJob>

    /// The call for these jobs; `mode` is `each` or `atomic`.
    init(_ jobs: ArraySlice<NewJob>, mode: String = "each") {
        var arguments = RedisArguments(mode)
        arguments.reserveCapacity(jobs.reduce(0) { $0 + $1.wireSize })
        for job in jobs { job.append(to: &arguments) }
        self.arguments = arguments
        self.jobs = jobs
    }

    var ids: [JobID] { jobs.map(\.id) }

    /// Reads `ok`, then position from 1 and verdict of each job that was not simply put in line.
    func verdicts(_ value: RedisValue) throws(QueueError) -> [EnqueueVerdict] {
        guard let parts = value.array, parts.first?.string == "ok", !parts.count.isMultiple(of: 2) else {
            throw .broken("enqueue", value)
        }
        var verdicts = [EnqueueVerdict](repeating: .created(.queued), count: jobs.count)
        for index in stride(from: 1, to: parts.count, by: 2) {
            guard let position = parts[index].int, verdicts.indices.contains(position - 1) else {
                throw .broken("enqueue", value)
            }
            verdicts[position - 1] = try EnqueueVerdict(parts[index + 1])
        }
        return verdicts
    }
}

extension EnqueueVerdict {
    init(_ value: RedisValue) throws(QueueError) {
        let parts = value.array ?? []
        let detail = parts.dropFirst().first?.string ?? ""
        switch parts.first?.string {
        case "scheduled": self = .created(.scheduled)
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
