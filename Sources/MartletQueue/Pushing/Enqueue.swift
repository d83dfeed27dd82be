// Pushing jobs: one, many separately, or many atomically.

import MartletJobs
import MartletRedis
import Synchronization

extension Queue {
    /// Pushes jobs, each decided separately.
    ///
    /// It takes one round trip per 200 jobs or 1 MiB; the next request is prepared while one is in flight. If the queue
    /// requires more than Redis' memory, the call waits for it; ``enqueue(_:durability:)-([NewJob],_)`` returns the
    /// confirmation.
    ///
    /// Safe to repeat with the same ids: existing jobs return ``EnqueueVerdict/existing(_:)``.
    ///
    /// - Parameter jobs: the jobs.
    /// - Returns: one result per job, in order.
    /// - Throws: ``QueueError``.
    public func enqueue(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueVerdict] {
        if jobs.count == 1 { return [try await enqueue(jobs[0])] }
        return try await enqueue(jobs, durability: nil).outcome
    }

    /// Pushes one job.
    ///
    /// It takes one round trip; concurrent pushes of many tasks are sent together and decided separately. If the queue
    /// requires more than Redis' memory, the call waits for it; ``enqueue(_:durability:)-(NewJob,_)`` returns the
    /// confirmation.
    ///
    /// - Parameter job: the job.
    /// - Returns: the result.
    /// - Throws: ``QueueError``.
    public func enqueue(_ job: NewJob) async throws(QueueError) -> EnqueueVerdict {
        if let field = job.invalidField { return .invalid(field) }
        try store.admit([job.id])
        guard calls.level.load(ordering: .relaxed) <= 0, tracing == nil else {
            return try await enqueue(job, durability: nil).outcome
        }
        do throws(QueueError) { return try await pushPlainly(job) } catch {
            try heed(error)
            return try await enqueue(job, durability: nil).outcome
        }
    }

    /// Pushes one job and returns when it is as durable as requested by this push or the queue, whichever is higher.
    ///
    /// Above ``Durability/memory``, pushes use a dedicated connection on which many tasks share one wait. A push
    /// without confirmation has still happened and reports so; repeating it with the same id waits again.
    ///
    /// - Parameters:
    ///   - job: the job.
    ///   - durability: the least durability to wait for; `nil` means the queue's setting.
    /// - Returns: the result and the confirmation.
    /// - Throws: ``QueueError``.
    public func enqueue(
        _ job: NewJob, durability: Durability?
    ) async throws(QueueError) -> Pushed<EnqueueVerdict> {
        if let field = job.invalidField { return Pushed(outcome: .invalid(field), durability: .confirmed(.memory)) }
        guard let tracing else { return try await send(job, durability) }
        return try await traced([job], by: tracing) {
            $0.outcome.refusal
        } _: { jobs throws(QueueError) in
            try await send(jobs[0], durability)
        }
    }

    @inline(__always)
    private func send(_ job: NewJob, _ durability: Durability?) async throws(QueueError) -> Pushed<EnqueueVerdict> {
        try store.admit([job.id])
        if durability ?? .memory == .memory, calls.level.load(ordering: .relaxed) <= 0 {
            do throws(QueueError) {
                return Pushed(outcome: try await pushPlainly(job), durability: .confirmed(.memory))
            } catch {
                try heed(error)
            }
        }
        let pushed = try await pushDurably([job], isAtomic: false, durability)
        guard case .accepted(let verdicts) = pushed.outcome else { throw .broken("enqueue", .null) }
        return Pushed(outcome: verdicts[0], durability: pushed.durability)
    }

    /// Pushes jobs, each decided separately, and returns when they are as durable as requested by this push or the
    /// queue.
    ///
    /// - Parameters:
    ///   - jobs: the jobs.
    ///   - durability: the least durability to wait for; `nil` means the queue's setting.
    /// - Returns: one result per job in order, and the confirmation.
    /// - Throws: ``QueueError``.
    public func enqueue(
        _ jobs: [NewJob], durability: Durability?
    ) async throws(QueueError) -> Pushed<[EnqueueVerdict]> {
        guard let tracing, !jobs.isEmpty else { return try await send(jobs, durability) }
        return try await traced(jobs, by: tracing) {
            $0.outcome.lazy.compactMap(\.refusal).first
        } _: { jobs throws(QueueError) in
            try await send(jobs, durability)
        }
    }

    private func send(
        _ jobs: [NewJob], _ durability: Durability?
    ) async throws(QueueError) -> Pushed<[EnqueueVerdict]> {
        if jobs.contains(where: { $0.invalidField != nil }) {
            var judged = try await send(jobs.filter { $0.invalidField == nil }, durability)
            var rest = judged.outcome[...]
            judged.outcome = jobs.map { job in job.invalidField.map { .invalid($0) } ?? rest.removeFirst() }
            return judged
        }
        try store.admit(jobs.map(\.id))
        if durability ?? .memory == .memory, calls.level.load(ordering: .relaxed) <= 0 {
            do throws(QueueError) {
                return Pushed(outcome: try await enqueueInSlices(jobs), durability: .confirmed(.memory))
            } catch {
                try heed(error)
            }
        }
        var all = Pushed(outcome: [EnqueueVerdict](), durability: .confirmed(.replicated))
        for slice in Self.bySize(jobs) {
            let pushed = try await pushDurably(slice, isAtomic: false, durability)
            guard case .accepted(let verdicts) = pushed.outcome else { throw .broken("enqueue", .null) }
            all.outcome += verdicts
            all.durability = all.durability.and(pushed.durability)
        }
        return all
    }

    // Not a separate stack frame: every push without durability passes here.
    @inline(__always)
    private func pushPlainly(_ job: NewJob) async throws(QueueError) -> EnqueueVerdict {
        do throws(QueueError) {
            return try await calls.pushes.call(job) { jobs throws(QueueError) in
                jobs.count > 1 ? try await enqueueTogether(jobs) : try await enqueueInSlices(jobs)
            }
        } catch {
            // The other ids of the batch do not belong to this caller.
            var own = error
            own.ids = [job.id]
            throw own
        }
    }

    /// Stores the queue's level if that is why nothing happened; throws every other error.
    private func heed(_ error: QueueError) throws(QueueError) {
        guard case .with(let more) = error.again else { throw error }
        calls.level.store(more.level, ordering: .relaxed)
    }

    /// Pushes over the waiting connection; creates the queue or raises the level if the script asks for it.
    private func pushDurably(
        _ jobs: ArraySlice<NewJob>, isAtomic: Bool, _ asked: Durability?
    ) async throws(QueueError) -> Pushed<AtomicEnqueueResult> {
        let known = Durability(level: calls.level.load(ordering: .relaxed)) ?? .memory
        var push = DurablePush(
            queue: self, jobs: jobs, isAtomic: isAtomic, durability: max(asked ?? .memory, known))
        for _ in 0..<4 {
            do throws(QueueError) { return try await store.durable.push(push) } catch {
                switch error.again {
                case .afterCreatingTheQueue: try await create()
                case .with(let more):
                    try heed(error)
                    push.durability = max(push.durability, more)
                case nil:
                    var own = error
                    own.ids = jobs.map(\.id)
                    throw own
                }
            }
        }
        throw QueueError(
            .notExecuted(.unavailable), ids: jobs.map(\.id), message: "the queue is deleted or changed all the time")
    }

    /// Pushes jobs of independent callers, whose order is free.
    ///
    /// Generated ids are sent in order of creation, since rising ids cost Redis least.
    private func enqueueTogether(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueVerdict] {
        let isInOrder = zip(jobs, jobs.dropFirst()).allSatisfy { $0.id.description < $1.id.description }
        guard !isInOrder, jobs.allSatisfy({ $0.digest == nil }) else {
            return try await enqueueInSlices(jobs)
        }
        let order = jobs.indices.sorted { jobs[$0].id.description < jobs[$1].id.description }
        let sorted = try await enqueueInSlices(order.map { jobs[$0] })
        var verdicts = sorted
        for (place, index) in order.enumerated() { verdicts[index] = sorted[place] }
        return verdicts
    }

    private func enqueueInSlices(_ jobs: [NewJob]) async throws(QueueError) -> [EnqueueVerdict] {
        let slices = Self.bySize(jobs)
        var verdicts: [EnqueueVerdict] = []
        verdicts.reserveCapacity(jobs.count)
        let mode = calls.plainMode("each")
        var next = PushCall(slices.first ?? [], mode: mode, after: calls.reached)
        for following in slices.dropFirst() {
            let call = next
            // While one slice is in flight, the next is prepared. Only one is in flight, so that the jobs keep their
            // order.
            async let reply = pushed(call)
            next = PushCall(following, mode: mode, after: calls.reached)
            verdicts += try call.verdicts(await reply.get(), noting: calls)
        }
        if !jobs.isEmpty { verdicts += try next.verdicts(await pushed(next).get(), noting: calls) }
        calls.notePlain(mode)
        return verdicts
    }

    private func pushed(_ call: PushCall) async -> Result<RedisValue, QueueError> {
        do throws(QueueError) {
            return .success(try await run(.enqueue, call.arguments, ids: call.ids))
        } catch { return .failure(error) }
    }

    /// Pushes up to 10 000 jobs and 16 MiB atomically in one script: all or none.
    ///
    /// A process runs one such push at a time, since each may occupy Redis for up to 0.1 s. Waiting pushes hold at most
    /// 64 MiB; beyond that a push is refused as `busy` and nothing happens. Cancelling the task ends the wait.
    ///
    /// - Parameter jobs: the jobs.
    /// - Returns: the results, or the job that prevented the push.
    /// - Throws: ``QueueError``.
    public func enqueueAtomically(_ jobs: [NewJob]) async throws(QueueError) -> AtomicEnqueueResult {
        try await enqueueAtomically(jobs, durability: nil).outcome
    }

    /// Pushes up to 10 000 jobs and 16 MiB atomically, and returns when they are as durable as requested.
    ///
    /// - Parameters:
    ///   - jobs: the jobs.
    ///   - durability: the least durability to wait for; `nil` means the queue's setting.
    /// - Returns: the results and the confirmation.
    /// - Throws: ``QueueError``.
    public func enqueueAtomically(
        _ jobs: [NewJob], durability: Durability?
    ) async throws(QueueError) -> Pushed<AtomicEnqueueResult> {
        for (index, job) in jobs.enumerated() {
            if let field = job.invalidField {
                return Pushed(outcome: .refused(index: index, .invalid(field)), durability: .confirmed(.memory))
            }
        }
        guard let tracing, !jobs.isEmpty else { return try await sendTogether(jobs, durability) }
        return try await traced(jobs, by: tracing) {
            $0.outcome.refusal
        } _: { jobs throws(QueueError) in
            try await sendTogether(jobs, durability)
        }
    }

    private func sendTogether(
        _ jobs: [NewJob], _ durability: Durability?
    ) async throws(QueueError) -> Pushed<AtomicEnqueueResult> {
        try store.admit(jobs.map(\.id))
        try await enterAlone(jobs)
        defer { store.atomicPushes.release() }
        if durability ?? .memory == .memory, calls.level.load(ordering: .relaxed) <= 0 {
            let mode = calls.plainMode("atomic")
            let call = PushCall(jobs[...], mode: mode, after: calls.reached)
            do throws(QueueError) {
                let result = try call.result(await pushed(call).get(), noting: calls)
                calls.notePlain(mode)
                return Pushed(outcome: result, durability: .confirmed(.memory))
            } catch {
                try heed(error)
            }
        }
        return try await pushDurably(jobs[...], isAtomic: true, durability)
    }

    /// Longer than the previous push can take, including a repeat after a lost reply.
    private static let longestWaitForOthers = Duration.seconds(8)

    private func enterAlone(_ jobs: [NewJob]) async throws(QueueError) {
        do throws(AsyncSemaphore.Refusal) {
            try await store.atomicPushes.acquire(
                holding: jobs.reduce(0) { $0 + $1.wireSize }, within: Self.longestWaitForOthers)
        } catch {
            let (reason, message): (QueueError.Reason, String) =
                switch error {
                case .full: (.busy, "too many pushes of all or nothing wait in this process; try again later")
                case .timedOut: (.busy, "other atomic pushes kept this one waiting too long; try again later")
                case .cancelled: (.unavailable, "the waiting task was cancelled")
                }
            throw QueueError(.notExecuted(reason), ids: jobs.map(\.id), message: message)
        }
    }

    /// The most jobs of one call.
    static let pushLimit = 200
    /// The approximate size limit of one call in bytes.
    static let pushBytes = 1 << 20

    /// Slices of at most 200 jobs and about 1 MiB.
    ///
    /// Larger ones do not save Redis any work, and leave it idle longer while the next one is prepared.
    private static func bySize(_ jobs: [NewJob]) -> [ArraySlice<NewJob>] {
        var slices: [ArraySlice<NewJob>] = []
        var start = 0
        var bytes = 0
        for (index, job) in jobs.enumerated() {
            if index > start, index - start == pushLimit || bytes + job.wireSize > pushBytes {
                slices.append(jobs[start..<index])
                (start, bytes) = (index, 0)
            }
            bytes += job.wireSize
        }
        if start < jobs.count { slices.append(jobs[start...]) }
        return slices
    }
}

/// A call of the script `enqueue` and the parser for its reply.
struct PushCall: Sendable {
    let arguments: RedisArguments
    private let jobs: ArraySlice<NewJob>
    /// The queue's state before this call.
    private let floor: PushFloor

    /// The call for these jobs; `mode` is `each` or `atomic`, followed by a level if the script must compare it.
    init(_ jobs: ArraySlice<NewJob>, mode: String = "each", after floor: PushFloor = PushFloor()) {
        var arguments = RedisArguments(mode)
        arguments.reserveCapacity(jobs.reduce(0) { $0 + $1.wireSize })
        Self.append(jobs, to: &arguments)
        self.arguments = arguments
        self.jobs = jobs
        self.floor = floor
    }

    /// Appends the jobs in runs: consecutive plain jobs of one type share their head.
    private static func append(_ jobs: ArraySlice<NewJob>, to arguments: inout RedisArguments) {
        var start = jobs.startIndex
        while start < jobs.endIndex {
            guard jobs[start].isPlain else {
                jobs[start].appendAlone(to: &arguments)
                start += 1
                continue
            }
            let type = jobs[start].type
            let end = jobs[start...].firstIndex { !$0.isPlain || $0.type != type } ?? jobs.endIndex
            arguments.append(end - start)
            arguments.append(type)
            for index in start..<end {
                arguments.append(jobs[index].id.description)
                arguments.append(jobs[index].payload)
            }
            start = end
        }
    }

    var ids: [JobID] { jobs.map(\.id) }

    /// The result of all jobs together.
    ///
    /// Throws an error that asks for a repeat when the queue requires a higher level.
    func result(_ value: RedisValue, noting calls: QueueCalls? = nil) throws(QueueError) -> AtomicEnqueueResult {
        guard let parts = value.array, parts.first?.string == "refused" else {
            return .accepted(try verdicts(value, noting: calls))
        }
        guard parts.count == 4, let position = parts[1].int, position > 0, position <= jobs.count else {
            throw .broken("enqueue", value)
        }
        return .refused(index: position - 1, try EnqueueVerdict(.array(Array(parts[2...]))))
    }

    /// Parses the total of created jobs, then position from 1 and verdict of every job that was not simply queued.
    func verdicts(_ value: RedisValue, noting calls: QueueCalls? = nil) throws(QueueError) -> [EnqueueVerdict] {
        guard let parts = value.array, case .integer(let created)? = parts.first, !parts.count.isMultiple(of: 2) else {
            throw Self.wanted(value).map { .again(.with($0)) } ?? .broken("enqueue", value)
        }
        var verdicts = [EnqueueVerdict](repeating: .created(.queued), count: jobs.count)
        var born = jobs.count
        for index in stride(from: 1, to: parts.count, by: 2) {
            guard let position = parts[index].int, position > 0, position <= verdicts.count else {
                throw .broken("enqueue", value)
            }
            verdicts[position - 1] = try EnqueueVerdict(parts[index + 1])
            if verdicts[position - 1] != .created(.scheduled) { born -= 1 }
        }
        calls?.note(created: created, born: born, after: floor)
        return verdicts
    }

    /// The level that the queue requires, if that is why nothing happened.
    private static func wanted(_ value: RedisValue) -> Durability? {
        guard let parts = value.array, parts.count == 2, parts[0].string == "durable" else { return nil }
        return parts[1].int.flatMap { Durability(level: $0) }
    }
}

extension EnqueueVerdict {
    init(_ value: RedisValue) throws(QueueError) {
        let parts = value.array ?? []
        let detail = parts.dropFirst().first?.string ?? ""
        switch parts.first?.string {
        case "scheduled": self = .created(.scheduled)
        case "exists": self = .existing(JobState(rawValue: detail) ?? .queued)
        case "blocked": self = .created(.blocked)
        case "heavy": self = .tooHeavy(limit: detail)
        case "deleted": self = .deleted
        case "conflict": self = .conflict
        case "invalid": self = .invalid(detail)
        case "unique":
            guard let holder = JobID(stored: detail) else { throw .broken("enqueue", value) }
            self = .uniqueKeyTaken(by: holder)
        default: throw .broken("enqueue", value)
        }
    }
}
