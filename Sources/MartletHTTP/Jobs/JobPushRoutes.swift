// POST /api/v1/jobs and /api/v1/jobs/bulk.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    func pushJob(_ call: Call) async throws -> Reply {
        let text = try call.json()
        let key = try call.idempotencyKey()
        var fields = try call.fields()
        let durability = fields.durability()
        let owner = call.caller.owner
        guard
            let model = JobModel(
                text, &fields, limit: settings.payloadLimit, reserved: downloads.type, owner: owner, trace: call.trace)
        else { throw refusal(fields.errors) }
        let queue = try call.queue(model.queue)
        let hiddenFields = try await beforeWriting { try await hidden.fields() }
        return try await push(call, under: key, text.canonical(JSONShape.job)) { keyed in
            var job = model.job
            if !model.hasOwnID { keyed?.mark(&job) }
            // The queue is part of the URL, since another queue may have a job with the same id.
            let location = { (id: JobID) in "/api/v1/jobs/\(id)?queue=\(queue.name)" }
            return try await push(
                job, to: queue, durability: durability, for: call.caller, location: location
            ) { .job($0.shown(hiddenFields)) }
        }
    }

    /// 413 when a payload's size is the only error, otherwise 422.
    func refusal(_ errors: [FieldError]) -> HTTPProblem {
        let sizes = errors.filter { $0.pointer.hasSuffix("/payload") && $0.detail.hasPrefix("has more than") }
        guard let first = sizes.first, sizes.count == errors.count else { return .invalid(errors) }
        return .tooLarge(first.sentence, limit: settings.payloadLimit)
    }

    func pushJobs(_ call: Call) async throws -> Reply {
        let key = try call.idempotencyKey()
        let batch = try JobBatch(call, settings: settings, reserved: downloads.type)
        for name in batch.queues { _ = try call.queue(name) }
        // Before the key is used: a request that is refused for its fields does not use it up.
        if batch.isAtomic { try checkTogether(batch) }
        return try await push(call, under: key, Self.canonical(call.body)) { keyed in
            let batch = keyed.map(batch.marked) ?? batch
            guard batch.isAtomic, let name = batch.queues.first else { return try await pushEach(batch, call) }
            return try await pushTogether(batch, to: name, call)
        }
    }

    /// Every JSON value in canonical form, a line that is none as received.
    private static func canonical(_ body: Call.Body) -> [UInt8] {
        switch body {
        case .json(let text): text.canonical(JSONShape.jobs)
        case .lines(let bytes): canonical(lines: bytes)
        case .none: []
        }
    }

    private static func canonical(lines bytes: [UInt8]) -> [UInt8] {
        let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        let forms = lines.map { line in (try? JSONText(Array(line)))?.canonical(JSONShape.job) ?? Array(line) }
        return Array(forms.joined(separator: [0x0A]))
    }

    /// Throws unless all jobs can be pushed in one call.
    private func checkTogether(_ batch: JobBatch) throws(HTTPProblem) {
        if let errors = batch.allErrors { throw refusal(errors) }
        guard batch.queues.count == 1 else {
            throw HTTPProblem.invalid("/jobs", "must all be for one queue, or atomic must be false")
        }
        let bytes = batch.jobs.reduce(0) { $0 + $1.payload.count + ($1.metadata?.json.count ?? 0) }
        guard bytes <= NewJob.Limit.atomicBytes else {
            throw HTTPProblem.tooLarge("the payloads have more than 16 MiB together", limit: NewJob.Limit.atomicBytes)
        }
    }

    /// Pushes all jobs atomically.
    private func pushTogether(_ batch: JobBatch, to name: QueueName, _ call: Call) async throws -> Reply {
        let pushed = try await call.queue(name).pushAtomically(batch.jobs, batch.durability)
        switch pushed.outcome {
        case .accepted(let verdicts):
            pushes.count(batch.jobs, verdicts, in: name)
            let rows = zip(batch.jobs, verdicts).enumerated().map { ($0.offset, $0.element.0.id, $0.element.1) }
            return try BatchReport(of: batch, rows, for: call.caller).reply(
                pushed.durability.members(asked: batch.durability))
        case .refused(let index, let verdict):
            throw HTTPProblem.refused(index, of: batch.jobs, verdict, at: batch.place, for: call.caller)
        }
    }

    /// Pushes each job separately; errors are reported per job.
    private func pushEach(_ batch: JobBatch, _ call: Call) async throws -> Reply {
        var report = BatchReport(of: batch, for: call.caller)
        var confirmed: Confirmation?
        for (index, errors) in batch.refused { report.refuse(index, errors) }
        for (name, indexes) in batch.indexesByQueue {
            for part in indexes.chunks(of: Queue.batchLimit) {
                let jobs = part.compactMap { batch.job(at: $0) }
                if let error = report.trouble {
                    for (index, job) in zip(part, jobs) { report.fail(index, job.id, error.asNotAttempted) }
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

extension HTTPProblem {
    /// Why an atomic batch was refused.
    ///
    /// - Parameters:
    ///   - index: the job that could not be pushed.
    ///   - place: the location of a job, or one of its fields, as an error.
    static func refused(
        _ index: Int, of jobs: [NewJob], _ verdict: EnqueueVerdict,
        at place: (_ index: Int, _ field: String?) -> FieldError, for caller: Caller
    ) -> HTTPProblem {
        switch verdict {
        case .uniqueKeyTaken(let holder): uniqueKeyTaken(by: holder, index, of: jobs, at: place, for: caller)
        case .tooHeavy(let limit): invalid([place(index, "limits").saying(NewJob.weightRule(limit))])
        case .invalid(let field):
            invalid([place(index, field).saying(NewJob.rule(for: field))])
        default:
            idempotencyConflict(jobs[index].id).with("index", .int(index))
        }
    }

    /// Another job of the same request holds the key; it was not pushed either, so it is named by its position.
    private static func uniqueKeyTaken(
        by holder: JobID, _ index: Int, of jobs: [NewJob], at place: (_ index: Int, _ field: String?) -> FieldError,
        for caller: Caller
    ) -> HTTPProblem {
        let twin = jobs[..<index].firstIndex { $0.id == holder && $0.uniqueKey == jobs[index].uniqueKey }
        guard let twin else {
            var problem = uniqueKeyTaken(by: caller.seesAllJobs ? holder : nil).with("index", .int(index))
            problem.errors = [place(index, "unique_key").saying("is held by another job until that job has finished")]
            return problem
        }
        var problem = HTTPProblem(
            .uniqueKeyTaken, "the jobs \(twin) and \(index) of this request have the same unique key")
        problem.errors = [place(index, "unique_key").saying("is that of job \(twin) of this request too")]
        return problem.with("index", .int(index)).with("holder_index", .int(twin))
    }
}
