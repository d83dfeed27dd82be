// Pushes with one repeat after a lost reply, and their HTTP responses.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension Queue {
    /// Pushes one job, as ``pushEach(_:_:)`` does; concurrent pushes are sent together.
    func push(_ job: NewJob, _ durability: Durability?) async throws(QueueError) -> Pushed<EnqueueVerdict> {
        try await repeatedOnce { isRepeat throws(QueueError) in
            var pushed = try await enqueue(job, durability: durability)
            if isRepeat { pushed.outcome = Self.asFirst([pushed.outcome], [job])[0] }
            return pushed
        }
    }

    /// Pushes jobs, each decided separately; after a lost reply, repeats once with the same ids, which is safe.
    ///
    /// Also returns the confirmed durability; `nil` after an error.
    func pushEach(
        _ jobs: [NewJob], _ durability: Durability?
    ) async -> ([Result<EnqueueVerdict, QueueError>], Confirmation?) {
        let first: QueueError
        do throws(QueueError) {
            let pushed = try await enqueue(jobs, durability: durability)
            return (pushed.outcome.map { .success($0) }, pushed.durability)
        } catch { first = error }
        let reached = Self.reached(first, jobs)
        guard reached > 0 else { return (jobs.map { _ in .failure(first) }, nil) }
        do throws(QueueError) {
            let pushed = try await enqueue(jobs, durability: durability)
            return (Self.asFirst(pushed.outcome, jobs).map { .success($0) }, pushed.durability)
        } catch {
            let end = max(reached, Self.reached(error, jobs))
            // A queue that refuses one part refuses the others too.
            let rest = first.isOfOneQueue ? first : first.asNotAttempted
            return (jobs.indices.map { .failure($0 < end ? first.afterPart : rest) }, nil)
        }
    }

    /// How many jobs may have been pushed before this error: they are sent in slices, one after another.
    private static func reached(_ error: QueueError, _ jobs: [NewJob]) -> Int {
        let slice = Set(error.ids)
        let start = jobs.firstIndex { slice.contains($0.id) } ?? 0
        guard error.kind == .unknown else { return start }
        return jobs.lastIndex { slice.contains($0.id) }.map { $0 + 1 } ?? jobs.count
    }

    /// The same, atomically.
    func pushAtomically(
        _ jobs: [NewJob], _ durability: Durability?
    ) async throws(QueueError) -> Pushed<AtomicEnqueueResult> {
        try await repeatedOnce { isRepeat throws(QueueError) in
            var pushed = try await enqueueAtomically(jobs, durability: durability)
            guard isRepeat, case .accepted(let verdicts) = pushed.outcome else { return pushed }
            pushed.outcome = .accepted(Self.asFirst(verdicts, jobs))
            return pushed
        }
    }

    // A job with a generated id that already exists was created by the lost first attempt.
    private static func asFirst(_ verdicts: [EnqueueVerdict], _ jobs: [NewJob]) -> [EnqueueVerdict] {
        zip(verdicts, jobs).map { verdict, job in
            guard case .existing(let state) = verdict, job.digest == nil else { return verdict }
            return .created(state)
        }
    }
}

extension API {
    /// Pushes one job: 201 with it, 200 when it existed, or the reason for a refusal.
    func push(
        _ job: NewJob, to queue: Queue, durability: Durability? = nil, for caller: Caller,
        location: (JobID) -> String, view: (JobRecord) -> JSONOutput
    ) async throws -> Reply {
        if let field = job.invalidField { throw HTTPProblem.invalid("/\(field)", NewJob.rule(for: field)) }
        let pushed = try await queue.push(job, durability)
        let more = pushed.durability.members(asked: durability)
        pushes.count(job, pushed.outcome, in: queue.name)
        switch pushed.outcome {
        case .created(let state):
            return await reply(job, state, isNew: true, queue, more, view).created(at: location(job.id))
        case .existing(let state): return await reply(job, state, isNew: false, queue, more, view)
        case .deleted: return Reply(.object(["id": .string(job.id.description), "status": "deleted"]).adding(more))
        case .conflict: throw HTTPProblem.idempotencyConflict(job.id)
        case .uniqueKeyTaken(let holder): throw HTTPProblem.uniqueKeyTaken(by: caller.seesAllJobs ? holder : nil)
        case .tooHeavy(let limit): throw HTTPProblem.invalid("/limits", NewJob.weightRule(limit))
        case .invalid(let field): throw HTTPProblem.invalid("/\(field)", NewJob.rule(for: field))
        }
    }

    /// The job in its current state; a new one is known without reading it.
    ///
    /// The job is queued in any case, so an error while reading it is ignored.
    private func reply(
        _ job: NewJob, _ state: JobState, isNew: Bool, _ queue: Queue, _ more: [(key: String, value: JSONOutput)],
        _ view: (JobRecord) -> JSONOutput
    ) async -> Reply {
        func shown(_ json: JSONOutput) -> Reply { Reply(more.isEmpty ? json : json.adding(more)) }
        // Where the program has a tracer, the push may have given the job a trace context.
        let isKnown = isNew && (job.trace != nil || queue.tracing == nil)
        if state == .queued, isKnown, let record = JobRecord(queued: job, in: queue.name) { return shown(view(record)) }
        if let record = try? await queue.job(job.id) { return shown(view(record)) }
        return shown(
            .object([
                "id": .string(job.id.description), "queue": .string(queue.name.description),
                "type": .string(job.type), "state": .string(state.rawValue), "priority": .int(job.priority),
            ]))
    }
}

extension Reply {
    /// The same response with status 201 and a `Location`.
    fileprivate func created(at location: String) -> Reply {
        var copy = with(.location, location)
        copy.status = .created
        return copy
    }
}
