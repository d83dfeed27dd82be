// One push of one job: said twice when the first reply was lost, then told as HTTP tells it.

import HTTPTypes
import MartletJobs
import MartletQueue

extension Queue {
    /// Pushes one job, as ``push(_:)-([NewJob])`` does; those of many callers at once go out together.
    func push(_ job: NewJob) async throws(QueueError) -> EnqueueVerdict {
        do throws(QueueError) { return try await enqueue(job) } catch {
            guard error.kind == .unknown else { throw error }
            do throws(QueueError) { return Self.asFirst([try await enqueue(job)], [job])[0] } catch _ { throw error }
        }
    }

    /// Pushes jobs, each judged by itself; when a reply was lost, once more with the same ids, which changes nothing for
    /// those that were pushed.
    func pushEach(_ jobs: [NewJob]) async -> [Result<EnqueueVerdict, QueueError>] {
        let first: QueueError
        do throws(QueueError) { return try await enqueue(jobs).map { .success($0) } } catch { first = error }
        let reached = Self.reached(first, jobs)
        guard reached > 0 else { return jobs.map { _ in .failure(first) } }
        do throws(QueueError) {
            return Self.asFirst(try await enqueue(jobs), jobs).map { .success($0) }
        } catch {
            let end = max(reached, Self.reached(error, jobs))
            return jobs.indices.map { .failure($0 < end ? first.afterPart : first.asUntried) }
        }
    }

    /// How many of the jobs may have been pushed before this fault: they go to Redis in slices, one after the other.
    private static func reached(_ error: QueueError, _ jobs: [NewJob]) -> Int {
        let slice = Set(error.ids)
        let start = jobs.firstIndex { slice.contains($0.id) } ?? 0
        guard error.kind == .unknown else { return start }
        return jobs.lastIndex { slice.contains($0.id) }.map { $0 + 1 } ?? jobs.count
    }

    /// The same, all or nothing.
    func pushAtomically(_ jobs: [NewJob]) async throws(QueueError) -> AtomicEnqueueResult {
        do throws(QueueError) { return try await enqueueAtomically(jobs) } catch {
            guard error.kind == .unknown else { throw error }
            do throws(QueueError) {
                let result = try await enqueueAtomically(jobs)
                guard case .accepted(let verdicts) = result else { return result }
                return .accepted(Self.asFirst(verdicts, jobs))
            } catch _ { throw error }
        }
    }

    // A job with an id of our own making that is there already is the one that the lost first try created.
    private static func asFirst(_ verdicts: [EnqueueVerdict], _ jobs: [NewJob]) -> [EnqueueVerdict] {
        zip(verdicts, jobs).map { verdict, job in
            guard case .existing(let state) = verdict, job.digest == nil else { return verdict }
            return .created(state)
        }
    }
}

extension API {
    /// Pushes one job and answers 201 with it, 200 when it was there, or what forbids it.
    func push(
        _ job: NewJob, to queue: Queue, location: String, view: (JobRecord) -> JSON
    ) async throws -> Reply {
        if let field = job.invalidField { throw Problem.invalid("/\(field)", "is out of its range") }
        let verdict = try await queue.push(job)
        pushes.count(job, verdict, in: queue.name)
        switch verdict {
        case .created(let state):
            return await reply(job, state, isNew: true, queue, view).created(at: location + job.id.description)
        case .existing(let state): return await reply(job, state, isNew: false, queue, view)
        case .deleted: return Reply(.object(["id": .string(job.id.description), "status": "deleted"]))
        case .conflict: throw Problem.idempotencyConflict(job.id)
        case .uniqueKeyTaken(let holder): throw Problem.uniqueKeyTaken(by: holder)
        case .invalid(let field): throw Problem.invalid("/\(field)", "is out of its range")
        }
    }

    /// The job as it stands; one that is new is known without reading it.
    ///
    /// It is in the queue whatever reading it says, so a fault there is no error.
    private func reply(
        _ job: NewJob, _ state: JobState, isNew: Bool, _ queue: Queue, _ view: (JobRecord) -> JSON
    ) async -> Reply {
        if state == .queued, isNew, let record = JobRecord(queued: job, in: queue.name) { return Reply(view(record)) }
        if let record = try? await queue.job(job.id) { return Reply(view(record)) }
        return Reply(
            .object([
                "id": .string(job.id.description), "queue": .string(queue.name.description),
                "type": .string(job.type), "state": .string(state.rawValue), "priority": .int(job.priority),
            ]))
    }
}

extension Reply {
    /// The same as 201 with the place of what was created.
    fileprivate func created(at location: String) -> Reply {
        var copy = with(.location, location)
        copy.status = .created
        return copy
    }
}
