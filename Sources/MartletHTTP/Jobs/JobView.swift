// A job in responses.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    /// A complete job, or without payload, checkpoint and result for lists.
    static func job(_ job: JobRecord, brief: Bool = false) -> JSONOutput {
        var object = JSONObjectOutput(capacity: 512 + (brief ? 0 : job.payload.count))
        object.add("id", text: job.id.description)
        object.add("queue", text: job.queue.description)
        object.add("type", text: job.type)
        object.add("state", text: job.state.rawValue)
        object.add("priority", number: job.priority)
        if !brief { object.add("payload", .opaque(job.payload)) }
        object.add("attempt", number: job.attempt)
        object.add("max_retries", number: job.maxRetries)
        object.add("claims", number: job.claims)
        object.add("failures", number: job.failures)
        object.add("lost", number: job.lost)
        addRest(of: job, brief: brief, to: &object)
        addTimes(of: job, to: &object)
        return .written(object)
    }

    /// The fields that most jobs do not have.
    private static func addRest(of job: JobRecord, brief: Bool, to object: inout JSONObjectOutput) {
        if job.retryPolicy != .standard { object.add("backoff", .backoff(job.retryPolicy)) }
        object.add("timeout_seconds", job.timeout.map(JSONOutput.seconds))
        object.add("unique_key", text: job.uniqueKey)
        if !job.tags.isEmpty { object.add("tags", .array(job.tags.map { .string($0) })) }
        if !job.limits.isEmpty { object.add("limits", .limitKeys(job.limits)) }
        object.add("waits_for", text: job.waitsFor)
        object.add("metadata", job.metadata.map(JSONOutput.opaque))
        object.add("progress", job.progress.map(JSONOutput.progress))
        object.add("stop_requested", text: job.wanted?.rawValue)
        if !brief {
            object.add("checkpoint", job.checkpoint.map(JSONOutput.opaque))
            object.add("output", job.output.map(JSONOutput.opaque))
            object.add("traceparent", text: job.trace?.traceparent)
            object.add("tracestate", text: job.trace?.tracestate)
            if !job.attempts.isEmpty { object.add("attempts", .array(job.attempts.map(attempt))) }
            if !job.earlierPayloads.isEmpty {
                object.add("earlier_payloads", .array(job.earlierPayloads.map(earlierPayload)))
            }
        }
        object.add("error", text: job.error)
        object.add("error_fingerprint", text: job.errorFingerprint)
    }

    private static func attempt(_ attempt: FailedAttempt) -> JSONOutput {
        .object([
            "outcome": .string(attempt.outcome.rawValue), "started_at": attempt.startedAt.map(JSONOutput.time),
            "ended_at": .time(attempt.endedAt),
            "ran_seconds": attempt.startedAt.map { .seconds(.seconds(max(0, attempt.endedAt.timeIntervalSince($0)))) },
            "worker": attempt.worker.map { .string($0) }, "error": attempt.error.map { .string($0) },
        ])
    }

    private static func earlierPayload(_ earlier: EarlierPayload) -> JSONOutput {
        .object([
            "replaced_at": .time(earlier.replacedAt), "bytes": .int(earlier.size),
            "payload": earlier.payload.map(JSONOutput.opaque),
        ])
    }

    private static func addTimes(of job: JobRecord, to object: inout JSONObjectOutput) {
        object.add("created_at", text: job.createdAt.rfc3339)
        object.add("due_at", text: job.dueAt?.rfc3339)
        object.add("started_at", text: job.startedAt?.rfc3339)
        object.add("lease_until", text: job.leaseUntil?.rfc3339)
        object.add("finished_at", text: job.finishedAt?.rfc3339)
    }

    private static func backoff(_ policy: RetryPolicy) -> JSONOutput {
        .object([
            "base_seconds": .seconds(policy.base), "factor": .double(policy.factor),
            "cap_seconds": .seconds(policy.cap),
            "jitter": .double(policy.jitter),
        ])
    }

    /// The progress of a job.
    static func progress(_ progress: JobProgress) -> JSONOutput {
        .object([
            "completed": .int(Int(progress.completed)), "total": progress.total.map { .int(Int($0)) },
            "rate": progress.rate.map { .double($0) }, "percent": progress.percent.map { .double($0) },
        ])
    }
}

extension JobProgress {
    /// The progress in percent with two decimals, 100 only with all of it; `nil` while the total is unknown.
    var percent: Double? {
        guard let total, total > 0 else { return nil }
        let percent = (min(max(Double(completed) / Double(total), 0), 1) * 10_000).rounded() / 100
        return completed < total ? min(percent, 99.99) : percent
    }
}

// MARK: - Description

/// The description of jobs in responses.
enum JobView {
    /// A complete job.
    static let shape = ObjectShape("Job", "A job.", properties(isBrief: false))
    /// A job in a list.
    static let briefShape = ObjectShape(
        "JobSummary", "A job in a list: without payload, checkpoint and output.", properties(isBrief: true))

    static func properties(isBrief: Bool) -> [Property] {
        [
            .always("id", .text, "Unique in its queue."), .always("queue", .text, "The queue."),
            .always("type", .text, "The wire name."),
            .always(
                "state", .words(JobState.self),
                "`scheduled` waits for its first start, `retrying` its next, `blocked` a limit."),
            .always("priority", .integer(NewJob.Limit.priorities), "A larger number runs first."),
        ] + (isBrief ? [] : [.always("payload", .any, "As it was pushed; hidden fields are `REDACTED:` and a digest.")])
            + [
                .always(
                    "attempt", .count, "The number of the current or next attempt, 0 before the first one has started."),
                .always("max_retries", .count, "How often it is tried again after its first attempt."),
                .always("claims", .count, "How often a worker has claimed it."),
                .always("failures", .count, "How many attempts have failed."),
                .always("lost", .count, "How many workers were lost with it."),
                .maybe("backoff", .object(backoff), "The waits before retries, where they are not the standard ones."),
                .maybe("timeout_seconds", .seconds, "The time limit of one attempt."),
                .maybe("unique_key", .text, "A key that at most one unfinished job of the queue has."),
                .maybe("tags", .list(.text), "Labels for people."),
                .maybe("limits", LimitKeyField.shown, "Keys by which the queue may limit what runs."),
                .maybe("waits_for", .text, "The limit key that a blocked job waits for."),
                .maybe("metadata", .anyObject, "What the producer sent with it."),
                .maybe("progress", .object(progress), "What its handler last reported."),
                .maybe("stop_requested", .words(["pause", "cancel"]), "What a running job was asked to stop for."),
            ] + (isBrief ? [] : ended) + [
                .maybe("error", .text, "The last error."),
                .maybe(
                    "error_fingerprint", .text,
                    "The same for errors that differ only in numbers, ids and quoted texts; a filter takes it as `error`."
                ),
                .always("created_at", .time, "When it was pushed."),
                .maybe("due_at", .time, "When a scheduled or retrying job may run."),
                .maybe("started_at", .time, "When its last attempt started."),
                .maybe("lease_until", .time, "Until when its worker holds it without a heartbeat."),
                .maybe("finished_at", .time, "When it finished."),
            ]
    }

    private static let ended: [Property] = [
        .maybe("checkpoint", .any, "What its handler saved for the next attempt."),
        .maybe("output", .any, "The result of its handler."),
        .maybe("traceparent", .text, "Where in a trace it was pushed."),
        .maybe("tracestate", .text, "What came with `traceparent`."),
        .maybe("attempts", .list(.object(attempt)), "The last ten attempts that failed, the latest first."),
        .maybe(
            "earlier_payloads", .list(.object(earlierPayload)),
            "The last three payloads that were replaced, the latest first."),
    ]

    private static let attempt = ObjectShape(
        "FailedAttempt", "An attempt that failed.",
        [
            .always(
                "outcome", .words(FailedAttempt.Outcome.self),
                "`failed`: by its handler; `crashed`: its own process died; `lost`: its worker died or was silent."),
            .maybe("started_at", .time, "When it was claimed."),
            .always("ended_at", .time, "When it ended; of a lost one, when that was noticed."),
            .maybe("ran_seconds", .seconds, "The time between both."),
            .maybe("worker", .text, "The worker that had it, if it said so."),
            .maybe("error", .text, "The first 512 bytes of its error."),
        ])

    private static let earlierPayload = ObjectShape(
        "EarlierPayload", "A payload that was replaced.",
        [
            .always("replaced_at", .time, "When it was replaced."), .always("bytes", .count, "Its size."),
            .maybe("payload", .any, "The payload; not of more than 4 KiB."),
        ])

    private static let backoff = ObjectShape(
        "RetryPolicy", "The waits before retries.",
        [
            .always("base_seconds", .seconds, "The wait before the first retry."),
            .always("factor", .number, "How much longer each further wait is."),
            .always("cap_seconds", .seconds, "The longest wait."),
            .always("jitter", .number(0...1), "The share of a wait that is left to chance."),
        ])

    private static let progress = ObjectShape(
        "Progress", "The progress of a job, in units of its own.",
        [
            .always("completed", .integer, "What is done."), .maybe("total", .integer, "All there is to do, if known."),
            .maybe("rate", .number, "Units a second."),
            .maybe("percent", .number(0...100), "100 only when all of it is done."),
        ])

    /// A job that could not be read after it was pushed or changed: the change is done.
    static let reference = ObjectShape(
        "JobReference", "A job that was pushed or changed, and could not be read afterwards.",
        [
            .always("id", .text, "The id."), .always("queue", .text, "The queue."),
            .maybe("type", .text, "The wire name."), .maybe("state", .words(JobState.self), "Its state then."),
            .maybe("priority", .integer, "The priority."),
        ] + Confirmation.properties)
    /// A job that is gone.
    static let deleted = ObjectShape(
        "DeletedJob", "A job that was deleted.",
        [.always("id", .text, "The id."), .always("status", .words(["deleted"]), "`deleted`.")]
            + Confirmation.properties)
    /// The answers to a push that creates the job, and to one that finds it.
    static let created = Schema.anyOf([.object(pushedShape), .object(reference)])
    static let existing = Schema.anyOf([.object(pushedShape), .object(reference), .object(deleted)])
    private static let pushedShape = ObjectShape(
        "PushedJob", "A job with the durability of its push.", properties(isBrief: false) + Confirmation.properties)
    /// The answer to a verb.
    static let changed = Schema.anyOf([.object(shape), .object(reference)])

    /// A page of jobs.
    static let list = ObjectShape(
        "JobList", "A page of jobs; it may be short and have a next one.",
        [
            .always("jobs", .list(briefShape), "The jobs, in the order in which their queues have them."),
            .always("next_cursor", .nullable(.text), "The `cursor` of the next page; `null` on the last one."),
            .maybe("scanned", .object(JobFinder.scannedShape), "With any filter besides `queue` and `state`."),
            DamagedQueues.property,
        ])
}
