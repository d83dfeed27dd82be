// Explanations in responses, and their descriptions.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    static func explanation(_ why: JobExplanation) -> JSONOutput {
        .object([
            "id": .string(why.id.description), "queue": .string(why.queue.description),
            "state": .string(why.state.rawValue), "type": .string(why.type),
            "sentences": .array(why.sentences.map { .string($0) }),
            "startable": .bool(why.isStartable), "reasons": .array(why.reasons.map { .string($0.rawValue) }),
            "ahead": why.ahead.map { .int($0) }, "waits_for": why.waitsFor.map { .string($0) },
            "keys": .array(why.keys.map(JSONOutput.obstacle)),
            "pause": why.paused.map(JSONOutput.pause), "pause_all": why.pausedAll.map(JSONOutput.pause),
            "queue_concurrency": concurrency(why.queueLimit, why.active),
            "since": .time(why.since), "due_at": why.dueAt.map(JSONOutput.time),
            "lease_until": why.leaseUntil.map(JSONOutput.time),
            "stop_requested": why.wanted.map { .string($0.rawValue) }, "error": why.error.map { .string($0) },
        ])
    }

    static func explanation(_ why: QueueExplanation) -> JSONOutput {
        .object([
            "name": .string(why.queue.description),
            "waiting": .members(WaitReason.allCases.map { ($0.rawValue, .int(why.waiting[$0] ?? 0)) }),
            "keys": .array(
                why.keys.map { key in
                    .object([
                        "key": .string(key.name), "waiting": .int(key.waiting),
                        "reason": .string(key.reason.rawValue), "opens_at": key.opensAt.map(JSONOutput.time),
                    ])
                }),
            "not_looked_at": .int(why.notLookedAt),
            "pause": why.paused.map(JSONOutput.pause), "pause_all": why.pausedAll.map(JSONOutput.pause),
            "queue_concurrency": concurrency(why.queueLimit, why.active),
        ])
    }

    private static func obstacle(_ key: KeyObstacle) -> JSONOutput {
        .object([
            "key": .string(key.name), "weight": .int(key.weight), "reason": .string(key.reason.rawValue),
            "too_heavy": .bool(key.isTooHeavy), "standing": .int(key.standing), "ahead": .int(key.ahead),
            "first_ahead": key.firstAhead.map { .string($0.description) },
            "opens_at": key.opensAt.map(JSONOutput.time),
            "pause": key.pause.map(JSONOutput.pause), "limit": key.limit.map(JSONOutput.limit),
        ])
    }

    private static func concurrency(_ limit: Int?, _ active: Int) -> JSONOutput {
        .object(["limit": limit.map { .int($0) } ?? .null, "active": .int(active)])
    }
}

/// The descriptions of explanations.
enum ExplanationView {
    private static let pauses: [Property] = [
        .maybe("pause", .object(QueueView.pause), "The pause of the queue."),
        .maybe("pause_all", .object(QueueView.pause), "The pause of all queues."),
        .always("queue_concurrency", .object(concurrency), "How many jobs of the queue run, and may run."),
    ]
    private static let concurrency = ObjectShape(
        "QueueConcurrency", "How many jobs of a queue run, and may run at one time.",
        [
            .always("limit", .nullable(.count), "How many may run; `null` is unlimited."),
            .always("active", .count, "How many run."),
        ])

    static let job = ObjectShape(
        "JobExplanation", "Why a job waits, or what has become of it.",
        [
            .always("id", .text, "The job."), .always("queue", .text, "Its queue."),
            .always("state", .words(JobState.self), "Its state."), .always("type", .text, "Its type."),
            .always("sentences", .list(.text), "The explanation in English, the most important first."),
            .always(
                "startable", .flag,
                "Whether the next claim of one job takes this one; true for at most one job of a queue."),
            .always(
                "reasons", .list(.words(WaitReason.self)),
                "What holds it back, the most general first; empty for a job that runs or has finished."),
            .maybe("ahead", .count, "How many jobs stand ahead of it in line, while queued."),
            .maybe("waits_for", .text, "The key that it waits for, while blocked."),
            .always("keys", .list(.object(key)), "The keys that have no capacity for it, at most 8."),
        ] + pauses + [
            .always("since", .time, "Since when it is in this state."),
            .maybe("due_at", .time, "When it becomes due, while scheduled or retrying."),
            .maybe("lease_until", .time, "When its lease ends, while active."),
            .maybe("stop_requested", .text, "The stop that was asked for while it runs."),
            .maybe("error", .text, "The last error."),
        ])

    private static let key = ObjectShape(
        "KeyObstacle", "A key that has no capacity for a job.",
        [
            .always("key", .text, "The key."), .always("weight", .count, "The weight that the job takes."),
            .always("reason", .words(WaitReason.self), "What is missing."),
            .always("too_heavy", .flag, "Whether the job takes more than the limit allows at all."),
            .always("standing", .count, "The weight of jobs that waited, are back in line, and come first."),
            .always("ahead", .count, "How many jobs wait for the key further ahead."),
            .maybe("first_ahead", .text, "The first of them."),
            .maybe("opens_at", .time, "When it opens by time, for the first job that waits."),
            .maybe(
                "pause", .object(LimitView.pause), "The pause of the limit that counts, of the key or of its class."),
            .maybe("limit", .object(LimitView.shape), "The limit with its usage and the jobs that hold the key."),
        ])

    static let queue = ObjectShape(
        "QueueExplanation", "What the waiting jobs of a queue wait for.",
        [
            .always("name", .text, "The queue."),
            .always("waiting", .object(counts), "The number of waiting jobs by reason."),
            .always("keys", .list(.object(waitedFor)), "Up to 20 of the keys that most jobs wait for."),
            .always(
                "not_looked_at", .count, "Blocked jobs of keys beyond the 500 that were looked at; they count nowhere."),
        ] + pauses)

    private static let counts = ObjectShape(
        "WaitingJobs", "The number of waiting jobs by reason.",
        WaitReason.allCases.map { .always($0.rawValue, .count, about($0)) })
    private static let waitedFor = ObjectShape(
        "WaitedKey", "A key that jobs wait for.",
        [
            .always("key", .text, "The key."), .always("waiting", .count, "How many jobs wait for it."),
            .always("reason", .words(WaitReason.self), "Why the first of them waits."),
            .maybe("opens_at", .time, "When it opens by time."),
        ])

    private static func about(_ reason: WaitReason) -> String {
        switch reason {
        case .pauseOfAll: "In line while all queues are paused."
        case .queuePause: "In line while the queue is paused."
        case .queueConcurrency: "In line while the queue runs as many jobs as it may."
        case .limitPause: "A limit is paused."
        case .limitConcurrency: "As much of a key runs as its limit allows."
        case .limitRate: "The next start of a key is not due yet."
        case .waiterAhead: "Another job waits for a key further ahead."
        case .opening: "The key has capacity; one of the next claims brings them into line."
        case .jobPause: "Paused by themselves."
        case .time: "Scheduled or retrying."
        case .line: "In line, and nothing but a free worker is missing."
        }
    }
}
