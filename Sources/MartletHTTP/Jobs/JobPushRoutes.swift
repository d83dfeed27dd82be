// POST /api/v1/jobs and /api/v1/jobs/bulk.

import HTTPTypes
import MartletJobs
import MartletQueue

extension API {
    func pushJob(_ call: Call) async throws -> Reply {
        let text = try call.json()
        let key = try IdempotencyKey(call)
        var fields = Fields(text)
        let durability = fields.durability()
        guard var model = JobModel(text, &fields, limit: settings.payloadLimit, reserved: downloads.type) else {
            throw refusal(fields.errors)
        }
        if let key, !model.hasOwnID {
            model.job.id = key.id()
            model.job.digest = RequestDigest.of(text)
        }
        let queue = try call.queue(model.queue)
        return try await push(model.job, to: queue, durability: durability, location: "/api/v1/jobs/") { .job($0) }
    }

    /// 413 when all that is wrong is a payload's size, else 422.
    func refusal(_ errors: [FieldError]) -> Problem {
        let sizes = errors.filter { $0.pointer.hasSuffix("/payload") && $0.detail.hasPrefix("has more than") }
        guard let first = sizes.first, sizes.count == errors.count else { return .invalid(errors) }
        return .tooLarge("\(first.pointer) \(first.detail)", limit: settings.payloadLimit)
    }

    func pushJobs(_ call: Call) async throws -> Reply {
        let batch = try JobBatch(call, settings: settings, reserved: downloads.type)
        for name in batch.queues { _ = try call.queue(name) }
        guard batch.isAtomic else { return try await pushEach(batch, call) }
        if let errors = batch.allErrors { throw refusal(errors) }
        guard batch.queues.count == 1, let name = batch.queues.first else {
            throw Problem.invalid("/jobs", "must all be for one queue, or atomic must be false")
        }
        let bytes = batch.jobs.reduce(0) { $0 + $1.payload.count + ($1.metadata?.count ?? 0) }
        guard bytes <= NewJob.Limit.atomicBytes else {
            throw Problem.tooLarge("the payloads have more than 16 MiB together", limit: NewJob.Limit.atomicBytes)
        }
        let pushed = try await call.queue(name).pushAtomically(batch.jobs, batch.durability)
        switch pushed.outcome {
        case .accepted(let verdicts):
            pushes.count(batch.jobs, verdicts, in: name)
            let rows = zip(batch.jobs, verdicts).enumerated().map { ($0.offset, $0.element.0.id, $0.element.1) }
            return try BatchReport(rows).reply(pushed.durability.members(asked: batch.durability))
        case .refused(let index, let verdict): throw Problem.refused(index, batch.jobs[index].id, verdict)
        }
    }

    /// Pushes each job by itself; what cannot be is told for each, and a fault of Redis for those that it hit.
    private func pushEach(_ batch: JobBatch, _ call: Call) async throws -> Reply {
        var report = BatchReport([])
        var confirmed: Confirmation?
        for (index, errors) in batch.refused { report.refuse(index, errors) }
        for (name, indexes) in batch.indexesByQueue {
            for part in indexes.chunks(of: Queue.batchLimit) {
                let jobs = part.compactMap { batch.job(at: $0) }
                if let error = report.trouble {
                    for (index, job) in zip(part, jobs) { report.fail(index, job.id, error.asUntried) }
                    continue
                }
                let (results, confirmation) = await call.store.queue(name).pushEach(jobs, batch.durability)
                if let confirmation { confirmed = confirmed.map { $0.and(confirmation) } ?? confirmation }
                pushes.count(jobs, results, in: name)
                for (index, (job, result)) in zip(part, zip(jobs, results)) { report.add(index, job.id, result) }
            }
        }
        return try report.reply(confirmed?.members(asked: batch.durability) ?? [])
    }
}

extension Problem {
    /// Why a batch of all or nothing was refused.
    static func refused(_ index: Int, _ id: JobID, _ verdict: EnqueueVerdict) -> Problem {
        switch verdict {
        case .uniqueKeyTaken(let holder): uniqueKeyTaken(by: holder).with("index", .int(index))
        case .invalid(let field): invalid("/jobs/\(index)/\(field)", "is out of its range")
        default: idempotencyConflict(id).with("index", .int(index))
        }
    }
}
