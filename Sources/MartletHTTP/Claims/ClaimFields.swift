// The fields of the bodies that workers send: their descriptions, and how they are read.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// The fields of a claim.
enum ClaimField {
    static let worker = Field.text(
        "worker_id", length: 1...WorkerCard.longestID,
        "The worker's id, new for each start of a process; without it the worker is in no list.",
        schema: .workerID)
    static let token = Field.text("token", length: 1...ClaimToken.longest, "The token of the claim.", required: true)
    /// The most ends of claims, or leases, of one request.
    static let mostTokens = 1000
    static let card = Field<WorkerCard>(
        "worker", .object(WorkerCard.shape), "What the worker says of itself, for lists of workers."
    ) { WorkerCard(&$0) }
    static let queues = Property(
        name: "queues",
        schema: .anyOf([
            .list(.queueName, ["minItems": 1, "maxItems": .integer(ClaimOrder.mostQueues)]),
            .map(.integer(1...ClaimOrder.mostJobs)),
        ]), about: "The queues in the order in which they are served, or the slots of each.", isRequired: true)
    static let types = Property(
        name: "types",
        schema: .list(
            .text(1...NewJob.Limit.type), ["minItems": 1, "maxItems": .integer(ClaimOrder.mostTypes)]),
        about: "The types that the worker knows; jobs of others go back. All of them by default.", isNullable: true)
    static let most = Field.integer(
        "max", in: 1...ClaimOrder.mostJobs, "The most jobs, of all queues together.", default: 1)
    static let wait = Field.seconds(
        "wait_seconds", in: 0...30, "How long to wait for the first job.", default: 0)
    static let lease = Field.seconds(
        "lease_seconds", in: QueueSettingsChange.leaseSeconds,
        "How long each job is held without a heartbeat; the queue's lease by default.")

    static let shape = ObjectShape(
        body: "ClaimRequest", "A worker's request for jobs.", [worker, card, queues, types, most, wait, lease])
}

/// The fields of the end of a claim.
enum ClaimEndField {
    static let delays = 0...NewJob.Limit.delaySeconds

    static let result = Property(
        name: "result", schema: .any, about: "The result, at most 64 KiB; a note takes the place of a larger one.",
        isNullable: true)
    static let error = Property(
        name: "error", schema: .object(errorShape), about: "What went wrong.", isRequired: true)
    static let isRetryable = Field.flag("retryable", "Whether it is worth a retry.", default: true)
    static let retryAfter = Field.seconds(
        "retry_after_seconds", in: delays, "How long to wait before a retry; the job's own policy by default.")
    static let delay = Field.seconds(
        "delay_seconds", in: delays, "How long it waits; by default it keeps its position.")
    static let snooze = Property(
        name: "delay_seconds", schema: .number(delays), about: "How long it waits.", isRequired: true)
    static let reason = Field.text("reason", length: 1...1000, "Why it waits; shown with a delay.")

    private static let keyLength = 1...(LimitKey.longestClass + 1 + LimitKey.longestValue)
    private static let keyAbout =
        "The limit key that is held: one of the job's, `type:` and its type, or `tag:` and one of its tags."
    /// Among the fields of all ends, where only one of them needs it.
    static let key = Field<String>("key", .text(keyLength), keyAbout) { fields in
        guard let name = fields.text("key", length: keyLength) else {
            if !fields.has("key") { fields.refuse("key", "is required: the limit key that is held") }
            return nil
        }
        guard LimitKey.parts(of: name) != nil else {
            fields.refuse("key", "must be a key like host:example.com")
            return nil
        }
        return name
    }
    private static let heldKey = Property(name: "key", schema: .text(keyLength), about: keyAbout, isRequired: true)
    static let until = Field<Date>(
        "until", .time, "Until when the key is held, by the server's clock. In place of `delay_seconds`."
    ) { $0.time("until") }

    static let errorClass = Field.text("class", length: 1...200, "The kind of error.")
    static let errorShape = ObjectShape(
        body: "AttemptError", "The error of an attempt; 8 KiB of it are kept.",
        [
            errorClass,
            Property(name: "message", schema: .text, about: "What happened.", isRequired: true),
            Property(name: "stack", schema: .text, about: "Where it happened.", isNullable: true),
        ])

    static let complete = ObjectShape(body: "CompletedClaim", "The end of an attempt that succeeded.", [result])
    static let fail = ObjectShape(
        body: "FailedClaim", "The end of an attempt that failed.", [error, isRetryable, retryAfter])
    static let release = ObjectShape(body: "ReleasedClaim", "A job that goes back.", [delay, reason])
    static let snoozed = ObjectShape(body: "SnoozedClaim", "A job that runs later.", [snooze])
    static let throttled = ObjectShape(
        body: "ThrottledClaim", "A job whose service said to wait; `delay_seconds` or `until` is required.",
        [heldKey, delay, until, reason], rules: ShapeRule.exactlyOne("until", "delay_seconds"))

    /// The end of one of many claims.
    static let item = ObjectShape(
        body: "Settlement", "The end of a claim, with the fields of its outcome.",
        [
            ClaimField.token,
            Property(
                name: "outcome", schema: .words(ClaimEnd.words), about: "How the attempt ended.", isRequired: true),
            result, Property(name: "error", schema: .object(errorShape), about: "What went wrong.", isNullable: true),
            isRetryable, retryAfter, delay, reason, key, until,
        ])
    static let batch = ObjectShape(
        body: "Settlements", "Ends of many claims, and the next claim.",
        [
            Property(
                name: "settlements", schema: .list(.object(item), ["maxItems": .integer(ClaimField.mostTokens)]),
                about: "The ends.",
                isRequired: true),
            Property(
                name: "claim", schema: .object(ClaimField.shape), about: "What to claim after them.",
                isNullable: true),
        ])
}

/// The fields of a heartbeat and of a checkpoint.
enum HeartbeatField {
    static let completed = Field.integer("completed", in: 0...(1 << 53), "What is done.", required: true)
    static let total = Field.integer("total", in: 0...(1 << 53), "All there is to do, if known.")
    static let rate = Field.number("rate", in: 0...1e15, "Units a second.")
    static let progressShape = ObjectShape(
        body: "ReportedProgress", "The progress of a job, in units of its own.", [completed, total, rate])

    static let lease = Field.seconds(
        "extend_seconds", in: QueueSettingsChange.leaseSeconds,
        "How long the job is held from now on; the queue's lease by default.")
    static let leaseShape = ObjectShape(
        body: "HeldLease", "A job that still runs.",
        [
            ClaimField.token,
            Property(
                name: "progress", schema: .object(progressShape), about: "The progress, if it changed.",
                isNullable: true),
            Property(
                name: "checkpoint", schema: .any, about: "What the next attempt gets, at most 64 KiB.",
                isNullable: true),
            lease,
        ])

    static let shape = ObjectShape(
        body: "Heartbeat", "A worker's heartbeat, which renews its leases.",
        [
            ClaimField.card,
            Property(
                name: "leases", schema: .list(.object(leaseShape), ["maxItems": .integer(ClaimField.mostTokens)]),
                about: "The jobs that it runs.", isNullable: true),
        ])

    static let checkpointShape = ObjectShape(
        body: "Checkpoint", "What the next attempt of a job gets.",
        [
            Property(
                name: "checkpoint", schema: .any, about: "Any JSON but `null`, at most 64 KiB.", isRequired: true)
        ])
}
