// A job as described in JSON.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// A producer's description of a job.
struct JobModel: Sendable {
    var queue: QueueName
    var job: NewJob
    /// Whether the caller chose the id.
    var hasOwnID: Bool

    private static let fields: [any Described] = [
        JobField.type, JobField.payload, JobField.queue, JobField.priority, JobField.delay, JobField.runAt,
        JobField.maxRetries, JobField.backoff, JobField.timeout, JobField.id, JobField.uniqueKey, JobField.tags,
        JobField.limits, JobField.metadata, JobField.traceparent, JobField.tracestate,
    ]
    static let rules =
        ShapeRule.both(ShapeRule.notBoth("delay_seconds", "run_at"), ShapeRule.only("tracestate", with: "traceparent"))

    /// The body of `POST /api/v1/jobs`.
    static let shape = ObjectShape(
        body: "NewJob", "A job to push.", fields + [DurabilityField.durability], rules: rules)
    /// A job of `POST /api/v1/jobs/bulk`, whose durability is that of the batch.
    static let itemShape = ObjectShape(body: "NewBatchJob", "A job of a batch.", fields, rules: rules)

    /// Reads a description; records errors in `fields` and returns `nil` if there are any.
    ///
    /// - Parameters:
    ///   - limit: the largest payload in bytes.
    ///   - reserved: a type that has its own route.
    ///   - owner: the producer's name, if only it may read the job.
    ///   - trace: where in a trace the request is, for a job that does not say it itself.
    init?(
        _ text: JSONText, _ fields: inout Fields, limit: Int, reserved: String, owner: String? = nil,
        trace: TraceContext? = nil
    ) {
        var job = NewJob(type: "", payload: Array("{}".utf8), owner: owner)
        let queue = fields.read(JobField.queue)
        job.type = fields.read(JobField.type) ?? ""
        if job.type == reserved {
            fields.refuse(JobField.type, "is pushed through /api/downloads")
        } else if queue == .downloads {
            fields.refuse(
                JobField.queue, "takes only jobs of the type \(reserved), which are pushed through /api/downloads")
        }
        if let payload = fields.payload(upTo: limit) { job.payload = payload.bytes }
        job.priority = fields.read(JobField.priority) ?? 0
        switch fields.start() {
        case .after(let delay): job.delay = delay
        case .at(let moment): job.runAt = moment
        case nil: break
        }
        job.maxRetries = fields.read(JobField.maxRetries) ?? JobRecord.defaultMaxRetries
        job.retryPolicy = fields.read(JobField.backoff)
        job.timeout = fields.read(JobField.timeout)
        job.uniqueKey = fields.read(JobField.uniqueKey)
        job.tags = fields.read(JobField.tags) ?? []
        job.limits = fields.read(JobField.limits) ?? []
        job.metadata = fields.read(JobField.metadata)
        job.trace = fields.trace(else: trace)
        let chosen = fields.read(JobField.id)
        // An invalid id is already reported, so from here on a missing id means that none was sent.
        guard fields.close().isEmpty, let queue else { return nil }
        if let chosen {
            job.id = chosen
            job.digest = RequestDigest.of(text, owner: owner)
        }
        self.queue = queue
        self.job = job
        hasOwnID = chosen != nil
    }
}
