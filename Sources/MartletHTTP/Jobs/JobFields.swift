// The fields of a job in the bodies of requests.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// The fields that describe a job to push or a change of one.
enum JobField {
    static let queue = Field<QueueName>(
        "queue", .otherQueueName, "The queue; it is created by its first job. `downloads` takes only downloads.",
        default: .string(QueueName.default.description)
    ) { fields in
        guard let text = fields.text("queue", length: 1...QueueName.longest) else { return .default }
        let name = QueueName(text)
        if name == nil { fields.refuse("queue", QueueName.rule) }
        return name
    }
    static let type = label(
        "type", NewJob.Limit.type,
        "The wire name of the job; workers find its handler by it. Downloads have their own routes.", required: true)
    static let payload = Field<JSONText>(
        Property(
            name: "payload", schema: .any,
            about: "Any JSON, `null` too, at most 256 KiB; it is kept byte for byte.", standard: .object([:]))
    ) { $0.anyValue("payload") }
    static let priority = Field.integer(
        "priority", in: NewJob.Limit.priorities, "A larger number runs first.", default: 0)
    static let delay = Field.seconds(
        "delay_seconds", in: 0...NewJob.Limit.delaySeconds,
        "Seconds until the job may run; not together with `run_at`.", default: 0)
    static let runAt = Field<Date>(
        "run_at", .time,
        "When the job may run, at most 365 days ahead by Redis' clock; a time in the past means now. Not together with "
            + "`delay_seconds`."
    ) { fields in
        guard let moment = fields.time("run_at") else { return nil }
        // The store checks the limit by Redis' clock; this refuses what is far beyond it before the queue is created.
        if moment.timeIntervalSinceNow > NewJob.farthest { fields.refuse("run_at", "must lie within 365 days") }
        return moment
    }
    static let maxRetries = Field.integer(
        "max_retries", in: NewJob.Limit.retries, "How often the job is tried again after its first attempt.",
        default: JobRecord.defaultMaxRetries)
    static let backoff = Field<RetryPolicy>("backoff", .object(Backoff.shape), "The waits before retries.") { fields in
        guard var backoff = fields.object("backoff", Backoff.shape) else { return nil }
        let policy = Backoff.policy(&backoff)
        fields.refuse(backoff.close())
        return policy
    }
    static let timeout = Field.seconds(
        "timeout_seconds", in: 0.001...NewJob.Limit.delaySeconds, "The time limit of one attempt; none without it.")
    static let id = Field<JobID>(
        Property(
            name: "id", schema: .jobID,
            about:
                "The id, unique in its queue. The same request with the same id finds the same job. A ULID without it.")
    ) { chosenID(&$0) }
    static let uniqueKey = label(
        "unique_key", NewJob.Limit.uniqueKey, "A key that at most one unfinished job of the queue has.")
    static let tags = Field<[String]>(
        "tags", .list(.label(NewJob.Limit.tag), ["maxItems": .integer(NewJob.Limit.tags)]), "Labels for people.",
        default: .spelled("[]")
    ) { fields in
        guard let list = fields.list("tags", limit: NewJob.Limit.tags) else { return nil }
        let tags = list.compactMap(\.string)
        let areFine = tags.allSatisfy { $0.isLabel(upTo: NewJob.Limit.tag) }
        if tags.count != list.count || tags.count > NewJob.Limit.tags || !areFine {
            fields.refuse("tags", NewJob.rule(for: "tags"))
        }
        return tags
    }
    static let limits = Field<[LimitKey]>(
        "limits", LimitKeyField.schema,
        "Keys by which the queue may limit what runs, such as `host:example.com`; a key may have a weight. The classes "
            + "`type`, `tag` and `group` are the queue's own.",
        default: .spelled("[]")
    ) { LimitKeyField.read(&$0, "limits") }
    static let metadata = Field<JobMetadata>(
        "metadata", .anyObject, "An object of at most 16 KiB that travels with the job."
    ) { fields in
        guard let metadata = fields.value("metadata") else { return nil }
        guard metadata.kind == .object, metadata.count <= JobMetadata.limit else {
            fields.refuse("metadata", "must be an object of at most \(JobMetadata.limit) bytes")
            return nil
        }
        return JobMetadata(checked: metadata.bytes)
    }

    static let traceparent = Field<String>(
        "traceparent", .keywords(["type": "string", "pattern": .string(TraceContext.parentPattern)]),
        "Where in a trace the job is pushed, in place of the header of this name (W3C Trace Context)."
    ) { $0.text("traceparent", TraceContext.parentRule, TraceContext.isParent) }
    static let tracestate = Field<String>(
        "tracestate", .text(1...TraceContext.stateLimit, pattern: "^[ -~]*$"),
        "What goes with `traceparent`, and only with it."
    ) { $0.text("tracestate", TraceContext.stateRule, TraceContext.isState) }

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

    /// A label that is displayed in lists and terminals.
    private static func label(
        _ name: String, _ limit: Int, _ about: String, required: Bool = false
    ) -> Field<String> {
        Field(name, .label(limit), about, required: required) { fields in
            let text = fields.text(name, length: 1...limit, required: required)
            if let text, !text.isLabel(upTo: limit) { fields.refuse(name, NewJob.rule(for: name)) }
            return text
        }
    }
}

/// The fields of `backoff`.
enum Backoff {
    private static let standard = RetryPolicy.standard
    private static let base = Field.seconds(
        "base_seconds", in: 0...NewJob.Limit.delaySeconds, "The wait before the first retry.",
        default: standard.base.inSeconds)
    private static let factor = Field.number(
        "factor", in: 1...1000, "How much longer each further wait is.", default: standard.factor)
    private static let cap = Field.seconds(
        "cap_seconds", in: 0...NewJob.Limit.delaySeconds, "The longest wait.", default: standard.cap.inSeconds)
    private static let jitter = Field.number(
        "jitter", in: 0...1, "The share of a wait that is left to chance.", default: standard.jitter)

    static let shape = ObjectShape(body: "Backoff", "The waits before retries.", [base, factor, cap, jitter])

    /// The policy in the fields.
    static func policy(_ fields: inout Fields) -> RetryPolicy {
        RetryPolicy(
            base: fields.read(base) ?? standard.base, factor: fields.read(factor) ?? standard.factor,
            cap: fields.read(cap) ?? standard.cap, jitter: fields.read(jitter) ?? standard.jitter)
    }
}

extension Fields {
    /// `delay_seconds` or `run_at`; `nil` when both are absent or one is invalid.
    mutating func start() -> JobStart? {
        let (delay, moment) = (read(JobField.delay), read(JobField.runAt))
        guard has(JobField.runAt) else { return delay.map { .after($0) } }
        if delay != nil { refuse(JobField.runAt, "cannot be combined with delay_seconds") }
        return moment.map { .at($0) }
    }

    /// `traceparent` and `tracestate`, or the context of the request when both are absent.
    mutating func trace(else inherited: TraceContext?) -> TraceContext? {
        let (parent, state) = (read(JobField.traceparent), read(JobField.tracestate))
        guard has(JobField.traceparent) else {
            if has(JobField.tracestate) { refuse(JobField.tracestate, "goes only with traceparent") }
            return inherited
        }
        return parent.flatMap { TraceContext(traceparent: $0, tracestate: state) }
    }

    /// A text that keeps a rule; the rule is phrased to follow the field's name.
    fileprivate mutating func text(_ name: String, _ rule: String, _ isRight: (String) -> Bool) -> String? {
        guard let value = value(name) else { return nil }
        let text = value.string.flatMap { isRight($0) ? $0 : nil }
        if text == nil { refuse(name, rule) }
        return text
    }

    /// The payload; refused when it has more bytes than the limit.
    mutating func payload(upTo limit: Int) -> JSONText? {
        let payload = read(JobField.payload)
        if payload?.count ?? 0 > limit { refuse(JobField.payload, "has more than \(limit) bytes") }
        return payload
    }
}
