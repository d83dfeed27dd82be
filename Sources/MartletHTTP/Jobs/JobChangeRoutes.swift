// PATCH and DELETE of a job, its verbs, and one verb on many jobs.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    /// Cancels, pauses, resumes, retries or runs: 200 with the job, 202 when a running job was asked to stop.
    func changeJob(_ call: Call, _ verb: ControlVerb) async throws -> Reply {
        try call.takesNothing()
        let (queue, job) = try await beforeWriting { try await call.job() }
        return try await change(job.id, in: queue, verb)
    }

    /// The body of a change of a job.
    static let patchShape = ObjectShape(
        body: "JobChange", "What to change; at least one field.",
        [
            JobField.priority.ofChange, JobField.delay.ofChange.refusingNull, JobField.runAt.refusingNull,
            JobField.maxRetries.ofChange, JobField.payload.ofChange,
        ],
        rules: ["minProperties": 1, "not": .fields(["required": .array(["delay_seconds", "run_at"])])])

    func patchJob(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        var priority = fields.read(JobField.priority)
        let start = fields.start()
        var retries = fields.read(JobField.maxRetries)
        let payload = fields.payload(upTo: settings.payloadLimit)
        if fields.isNull(JobField.priority) { priority = 0 }
        if fields.isNull(JobField.maxRetries) { retries = JobRecord.defaultMaxRetries }
        for name in ["delay_seconds", "run_at"] where fields.isNull(name) {
            fields.refuse(name, "cannot be null: a wait has no default")
        }
        let errors = fields.close()
        if !errors.isEmpty { throw refusal(errors) }
        guard priority != nil || start != nil || retries != nil || payload != nil else {
            throw HTTPProblem.invalid(
                "", "must name at least one of priority, delay_seconds, run_at, max_retries and payload")
        }
        let (queue, job) = try await beforeWriting { try await call.job() }
        let changes = ControlVerb.patch(priority: priority, start: start, maxRetries: retries)
        guard let payload else { return try await change(job.id, in: queue, changes) }
        guard job.queue != .downloads, job.type != downloads.type else {
            throw HTTPProblem.invalid("/payload", "of a download is changed through /api/downloads")
        }
        try hidden.check(payload, type: job.type)
        let verdict = try await repeatedOnce { _ throws(QueueError) in
            try await queue.edit(job.id, payload: payload.bytes, priority: priority, start: start, maxRetries: retries)
        }
        return try await reply(to: changes, verdict, job.id, in: queue)
    }

    func deleteJob(_ call: Call) async throws -> Reply {
        let id = try call.id()
        // A repeat must find what the first attempt deleted, so a named queue is not read first.
        if let queue = try call.queueInQuery() { return try await change(id, in: queue, .delete) }
        let (queue, job) = try await beforeWriting { try await call.job() }
        return try await change(job.id, in: queue, .delete)
    }

    private func change(_ id: JobID, in queue: Queue, _ verb: ControlVerb) async throws -> Reply {
        try await reply(to: verb, try await queue.apply(verb, [id])[0], id, in: queue)
    }

    /// The answer to a verb on one job.
    private func reply(
        to verb: ControlVerb, _ verdict: ControlVerdict, _ id: JobID, in queue: Queue
    ) async throws -> Reply {
        switch verdict {
        case .done(nil): return Reply(.object(["id": .string(id.description), "status": "deleted"]))
        case .done(let state): return try await changed(id, in: queue, state)
        case .asked: return try await changed(id, in: queue, .active).accepted
        case .refused(let state):
            throw HTTPProblem.invalidState(id, verb.name, state.rawValue, allowed: state.allowedVerbs)
        case .missing: throw HTTPProblem.notFound("there is no job \(id)")
        case .invalid(let field): throw HTTPProblem.invalid("/\(field)", "is out of its range")
        case .uniqueKeyTaken(let holder): throw HTTPProblem.uniqueKeyTaken(by: holder)
        }
    }

    /// The job after a verb; the change is done, so an error while reading it is ignored.
    private func changed(_ id: JobID, in queue: Queue, _ state: JobState?) async throws -> Reply {
        do {
            guard let job = try await queue.job(id) else { throw HTTPProblem.notFound("there is no job \(id)") }
            return Reply(.job(job.shown(try await hidden.fields())))
        } catch is QueueError {
            return Reply(
                .object([
                    "id": .string(id.description), "queue": .string(queue.name.description),
                    "state": state.map { .string($0.rawValue) },
                ]))
        }
    }

    /// One verb on up to 10 000 jobs, each decided separately, or on the next jobs that match a filter.
    func actOnJobs(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        if fields.has(FilterActionField.filter) { return try await actOnMatching(call, &fields) }
        let verb = Self.verb(&fields, JobActionFields.action)
        let dryRun = fields.read(JobActionFields.dryRun) ?? false
        FilterActionField.refuseAll(in: &fields)
        let ids = try Self.ids(JobActionFields.ids, &fields, settings)
        try fields.done()
        guard let verb, let ids, !ids.isEmpty else { throw HTTPProblem.invalid("/ids", "must have at least one id") }
        let (found, damaged) = try await beforeWriting { try await call.jobs(ids.compactMap(\.id)) }
        var report = ActionReport(verb: verb)
        var places: [QueueName: [(index: Int, id: JobID)]] = [:]
        var next = found.makeIterator()
        for (index, item) in ids.enumerated() {
            guard let id = item.id else {
                report.refuse(index, item.text, "not a valid id: it \(JobID.rule)")
                continue
            }
            let jobs = next.next() ?? []
            switch jobs.count {
            case 0: report.refuse(index, item.text, damaged.firstError?.publicText ?? "there is no such job")
            case 1: places[jobs[0].queue, default: []].append((index, id))
            default: report.refuse(index, item.text, "several queues have such a job; name one with ?queue=")
            }
        }
        for (name, part) in places {
            await report.act(on: part, in: try call.queue(name), dryRun: dryRun)
        }
        return try report.reply(message: "\(verb.actionName)\(dryRun ? " would be" : "") done", dryRun: dryRun)
    }
}

extension Reply {
    /// The same response with status 202.
    fileprivate var accepted: Reply {
        var copy = self
        copy.status = .accepted
        return copy
    }
}
