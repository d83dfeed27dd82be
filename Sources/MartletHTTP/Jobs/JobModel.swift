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

    /// Reads a description; records errors in `fields` and returns `nil` if there are any.
    ///
    /// - Parameters:
    ///   - limit: the largest payload in bytes.
    ///   - reserved: a type that has its own route.
    ///   - owner: the producer's name, if only it may read the job.
    init?(_ text: JSONText, _ fields: inout Fields, limit: Int, reserved: String, owner: String? = nil) {
        var job = NewJob(type: "", payload: Array("{}".utf8), owner: owner)
        let queue = Self.queue(&fields)
        job.type = Self.label("type", NewJob.Limit.type, &fields, required: true) ?? ""
        if job.type == reserved {
            fields.refuse("type", "is pushed through /api/downloads")
        } else if queue == .downloads {
            fields.refuse("queue", "takes only jobs of the type \(reserved), which are pushed through /api/downloads")
        }
        if let payload = fields.anyValue("payload") {
            job.payload = payload.bytes
            if payload.count > limit { fields.refuse("payload", "has more than \(limit) bytes") }
        }
        job.priority = fields.integer("priority", in: NewJob.Limit.priorities) ?? 0
        switch fields.start() {
        case .after(let delay): job.delay = delay
        case .at(let moment): job.runAt = moment
        case nil: break
        }
        job.maxRetries = fields.integer("max_retries", in: NewJob.Limit.retries) ?? JobRecord.defaultMaxRetries
        job.retryPolicy = Self.backoff(&fields)
        job.timeout = fields.seconds("timeout_seconds", in: 0.001...NewJob.Limit.delaySeconds)
        job.uniqueKey = Self.label("unique_key", NewJob.Limit.uniqueKey, &fields)
        job.tags = Self.tags(&fields)
        job.metadata = Self.metadata(&fields)
        let chosen = Self.chosenID(&fields)
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

    static func queue(_ fields: inout Fields) -> QueueName? {
        guard let text = fields.text("queue", length: 1...QueueName.longest) else { return .default }
        let name = QueueName(text)
        if name == nil { fields.refuse("queue", "must match ^[a-z0-9][a-z0-9._-]{0,63}$") }
        return name
    }

    /// The id that the caller chose.
    ///
    /// Only a description without the field asks for a new id. `null` is refused like every other bad id: a caller that has
    /// lost its id would push another job with each repeat.
    private static func chosenID(_ fields: inout Fields) -> JobID? {
        guard let value = fields.anyValue("id") else { return nil }
        guard value.kind != .null else {
            fields.refuse("id", "must not be null; leave it out for a new id")
            return nil
        }
        guard let text = fields.text("id") else { return nil }
        let id = JobID(text)
        if id == nil { fields.refuse("id", JobID.rule) }
        return id
    }

    private static func backoff(_ fields: inout Fields) -> RetryPolicy? {
        guard var backoff = fields.object("backoff") else { return nil }
        let policy = RetryPolicy(
            base: backoff.seconds("base_seconds", in: 0...NewJob.Limit.delaySeconds) ?? .seconds(1),
            factor: backoff.number("factor", in: 1...1000) ?? 2,
            cap: backoff.seconds("cap_seconds", in: 0...NewJob.Limit.delaySeconds) ?? .seconds(86_400),
            jitter: backoff.number("jitter", in: 0...1) ?? 0)
        fields.refuse(backoff.close())
        return policy
    }

    private static func tags(_ fields: inout Fields) -> [String] {
        guard let list = fields.list("tags", limit: 16) else { return [] }
        let tags = list.compactMap(\.string)
        let areFine = tags.allSatisfy { $0.isLabel(upTo: NewJob.Limit.tag) }
        if tags.count != list.count || tags.count > NewJob.Limit.tags || !areFine {
            fields.refuse("tags", NewJob.rule(for: "tags"))
        }
        return tags
    }

    private static func metadata(_ fields: inout Fields) -> JobMetadata? {
        guard let metadata = fields.value("metadata") else { return nil }
        guard metadata.kind == .object, metadata.count <= JobMetadata.limit else {
            fields.refuse("metadata", "must be an object of at most \(JobMetadata.limit) bytes")
            return nil
        }
        return JobMetadata(checked: metadata.bytes)
    }

    /// A label that is displayed in lists and terminals.
    private static func label(
        _ name: String, _ limit: Int, _ fields: inout Fields, required: Bool = false
    ) -> String? {
        let text = fields.text(name, length: 1...limit, required: required)
        if let text, !text.isLabel(upTo: limit) { fields.refuse(name, NewJob.rule(for: name)) }
        return text
    }
}

extension Fields {
    /// `delay_seconds` or `run_at`; `nil` when both are absent or one is invalid.
    ///
    /// The store checks the limit by Redis' clock; a time more than a day beyond it by the local clock is refused
    /// before the queue is created.
    mutating func start() -> JobStart? {
        let delay = seconds("delay_seconds", in: 0...NewJob.Limit.delaySeconds)
        guard let text = text("run_at") else { return delay.map { .after($0) } }
        guard delay == nil else {
            refuse("run_at", "cannot be combined with delay_seconds")
            return nil
        }
        guard let moment = Date(rfc3339: text) else {
            refuse("run_at", "must be a time like 2026-01-31T12:00:00Z")
            return nil
        }
        if moment.timeIntervalSinceNow > NewJob.farthest { refuse("run_at", "must lie within 365 days") }
        return .at(moment)
    }
}
