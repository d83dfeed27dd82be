// POST /api/v1/jobs/{id}/clone: pushes a job like another one, with changes.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// What a clone has in place of what its original has.
struct CloneChanges {
    private var queue: QueueName?
    private(set) var payload: JSONText?
    private var priority: Int?
    private var start: JobStart?
    private var maxRetries: Int?
    private var backoff: RetryPolicy?
    private var timeout: Duration?
    private var id: JobID?
    private var uniqueKey: String?
    private var tags: [String]?
    private var limits: [LimitKey]?
    private var metadata: JobMetadata?
    private var trace: TraceContext?
    private(set) var durability: Durability?

    /// The body of a clone.
    static let shape = ObjectShape(
        body: "JobClone", "What the clone has in place of what its original has.",
        [
            JobField.payload.ofChange, JobField.queue.ofChange, JobField.priority.ofChange, JobField.delay,
            JobField.runAt, JobField.maxRetries.ofChange, JobField.backoff, JobField.timeout, JobField.id,
            JobField.uniqueKey, JobField.tags.ofChange, JobField.limits.ofChange, JobField.metadata,
            JobField.traceparent, JobField.tracestate, DurabilityField.durability,
        ], rules: JobModel.rules)

    /// Nothing is changed.
    init(trace: TraceContext?) { self.trace = trace }

    /// Reads the fields and records what is wrong with them; `trace` is where in a trace the request is.
    init(_ fields: inout Fields, limit: Int, trace inherited: TraceContext?) {
        durability = fields.durability()
        let name = fields.read(JobField.queue)
        queue = fields.has(JobField.queue) ? name : nil
        if queue == .downloads { fields.refuse(JobField.queue, "takes only downloads, which have their own routes") }
        payload = fields.payload(upTo: limit)
        priority = fields.read(JobField.priority)
        start = fields.start()
        maxRetries = fields.read(JobField.maxRetries)
        backoff = fields.read(JobField.backoff)
        timeout = fields.read(JobField.timeout)
        uniqueKey = fields.read(JobField.uniqueKey)
        tags = fields.read(JobField.tags)
        limits = fields.read(JobField.limits)
        metadata = fields.read(JobField.metadata)
        trace = fields.trace(else: inherited)
        id = fields.read(JobField.id)
    }

    /// The queue of the clone.
    func queue(of original: JobRecord) -> QueueName { queue ?? original.queue }

    /// Whether the caller chose the id.
    var hasOwnID: Bool { id != nil }

    /// The job to push: what was pushed of the original, without its unique key, its wait and its trace.
    func clone(of original: JobRecord, owner: String?, digest: @autoclosure () -> String) -> NewJob {
        var job = NewJob(type: original.type, payload: payload?.bytes ?? original.payload, owner: owner)
        job.priority = priority ?? original.priority
        job.maxRetries = maxRetries ?? original.maxRetries
        job.retryPolicy = backoff ?? (original.retryPolicy == .standard ? nil : original.retryPolicy)
        job.timeout = timeout ?? original.timeout
        job.uniqueKey = uniqueKey
        job.tags = tags ?? original.tags
        job.limits = limits ?? original.limits
        job.metadata = metadata ?? original.metadata.map { JobMetadata(checked: $0) }
        job.trace = trace
        switch start {
        case .after(let delay): job.delay = delay
        case .at(let moment): job.runAt = moment
        case nil: break
        }
        if let id {
            job.id = id
            job.digest = digest()
        }
        return job
    }
}

extension API {
    /// Pushes a job like another one; repeatable by an id or an `Idempotency-Key`, as every push.
    func cloneJob(_ call: Call) async throws -> Reply {
        let key = try call.idempotencyKey()
        var changes = CloneChanges(trace: call.trace)
        if var fields = try call.optionalFields() {
            changes = CloneChanges(&fields, limit: settings.payloadLimit, trace: call.trace)
            let errors = fields.close()
            if !errors.isEmpty { throw refusal(errors) }
        }
        let (_, original) = try await beforeWriting { try await call.job() }
        guard original.queue != .downloads, original.type != downloads.type else {
            throw HTTPProblem.invalid("?id", "is a download; push it again through /api/downloads")
        }
        let queue = try call.queue(changes.queue(of: original))
        try hidden.check(changes.payload, type: original.type)
        let hiddenFields = try await beforeWriting { try await hidden.fields() }
        let body = Self.canonicalClone(of: original, call)
        return try await push(call, under: key, body) { keyed in
            var job = changes.clone(of: original, owner: call.caller.owner, digest: RequestDigest.of(body))
            if !changes.hasOwnID { keyed?.mark(&job) }
            let location = { (id: JobID) in "/api/v1/jobs/\(id)?queue=\(queue.name)" }
            return try await push(
                job, to: queue, durability: changes.durability, for: call.caller, location: location
            ) { .job($0.shown(hiddenFields)) }
        }
    }

    /// What the request asks for: the original, which the path names, and the changes.
    private static func canonicalClone(of original: JobRecord, _ call: Call) -> [UInt8] {
        var changes: [UInt8] = []
        if case .json(let text) = call.body { changes = text.canonical(JSONShape.job) }
        let owner = call.caller.owner.map { "\($0.utf8.count):\($0)" } ?? ""
        return Array("clone \(original.queue) \(original.id) \(owner)\n".utf8) + changes
    }
}
