// The descriptions of what workers are answered.

import MartletJSON
import MartletJobs
import MartletQueue

/// The descriptions of responses to workers.
enum ClaimView {
    static let list = ObjectShape(
        "Claims", "Jobs that were handed out.", [.always("claims", .list(claim), "The claims, in running order.")])

    private static let claim = ObjectShape(
        "Claim", "A job that was handed out.",
        [
            .always("token", .text, "Proves the claim; it is part of the paths that end it."),
            .always("expires_at", .time, "Until when the job is held without a heartbeat, by the server's clock."),
            .always("lease_seconds", .seconds, "How long it is held from before the request."),
            .always("job", .object(job), "The job."),
        ])

    private static let job = ObjectShape(
        "ClaimedJob", "A job as its worker gets it.",
        [
            .always("id", .text, "Unique in its queue."), .always("queue", .text, "The queue."),
            .always("type", .text, "The wire name."),
            .always("priority", .integer(NewJob.Limit.priorities), "A larger number runs first."),
            .always("payload", .any, "As it was pushed."),
            .always("attempt", .count, "The number of this attempt, from 1."),
            .always("max_retries", .count, "How often it is tried again after its first attempt."),
            .always("claims", .count, "How often it was claimed; it only grows."),
            .always("failures", .count, "How many attempts have failed."),
            .always("lost", .count, "How many workers in a row were lost with it."),
            .maybe("timeout_seconds", .seconds, "The time limit of the attempt."),
            .maybe("tags", .list(.text), "Labels for people."),
            .maybe("limits", LimitKeyField.shown, "Keys by which the queue may limit what runs."),
            .maybe("metadata", .anyObject, "What the producer sent with it."),
            .maybe("traceparent", .text, "Where in a trace it was pushed."),
            .maybe("tracestate", .text, "What came with `traceparent`."),
            .maybe("checkpoint", .any, "What an earlier attempt has saved."),
            .maybe("created_at", .time, "When it was pushed."),
        ])

    static let settled = ObjectShape(
        "SettledClaim", "A claim whose end was accepted, now or before.",
        [
            .always("id", .text, "The job."), .always("queue", .text, "Its queue."),
            .always("state", .nullable(.words(JobState.self)), "The state of the job; `null` where it was deleted."),
            .maybe("run_at", .time, "When it may run again."),
        ])

    static let row = ObjectShape(
        "SettlementResult", "What became of the end of one claim.",
        [
            .always("index", .count, "Its place in the request."), .maybe("id", .text, "The job."),
            .always(
                "status",
                .words([
                    "settled", "lease-lost", "job-gone", "forbidden", "invalid", "unknown", "not-executed",
                ]), "Whether it was accepted."),
            .maybe("state", .nullable(.words(JobState.self)), "The state of the job; `null` where it was deleted."),
            .maybe("run_at", .time, "When it may run again."),
            .maybe("errors", .list(FieldError.shape), "The faults of an invalid one."),
        ])

    static let report = ObjectShape(
        "SettlementReport", "What became of the ends of many claims, and the next claims.",
        [
            .always("results", .list(row), "One entry for each end, in order."),
            .maybe("claims", .list(claim), "The next claims, where the request has a `claim`."),
        ])

    private static let lease = ObjectShape(
        "RenewedLease", "A lease after a heartbeat.",
        [
            .always("token", .text, "As it was sent."),
            .always(
                "status", .words(["ok", "cancel", "pause", "lost", "unknown"]),
                "Whether the job is held, and what is wanted of it."),
            .maybe("expires_at", .time, "Until when it is held."),
            .maybe("lease_seconds", .seconds, "How long that is from the request."),
        ])

    static let leases = ObjectShape(
        "RenewedLeases", "The leases after a heartbeat.",
        [.always("leases", .list(lease), "One entry for each lease, in order.")])

    static let released = ObjectShape(
        "ReleasedWorker", "The end of a worker.",
        [.always("released", .count, "How many jobs it released."), DamagedQueues.property])
}
