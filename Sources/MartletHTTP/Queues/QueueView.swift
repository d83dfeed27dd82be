// A queue in responses.

import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    /// A queue with its counts, pauses and settings.
    static func queue(_ status: QueueStatus) -> JSONOutput {
        .object([
            "name": .string(status.name.description), "paused": .bool(status.isPaused),
            "pause": status.paused.map(JSONOutput.pause), "pause_all": status.pausedAll.map(JSONOutput.pause),
            "jobs": .counts(status.jobs), "total_jobs": .int(status.total),
            "totals": .object([
                "created": .int(status.createdEver), "completed": .int(status.completedEver),
                "failed": .int(status.failedEver), "cancelled": .int(status.cancelledEver),
                "deleted": .int(status.deletedEver),
            ]),
            "oldest_wait_seconds": .seconds(status.oldestWait),
            "next_due_seconds": status.nextDue.map(JSONOutput.seconds),
            "settings": .settings(status.settings),
        ])
    }

    /// The number of jobs per index; `delayed` holds scheduled and retrying jobs.
    static func counts(_ jobs: [JobIndex: Int]) -> JSONOutput {
        .members(JobIndex.allCases.map { ($0.rawValue, .int(jobs[$0] ?? 0)) })
    }

    static func pause(_ pause: QueuePause) -> JSONOutput {
        .object([
            "reason": pause.reason.map { .string($0) }, "by": pause.by.map { .string($0) },
            "at": pause.at.map(JSONOutput.time),
        ])
    }

    private static func settings(_ settings: QueueSettings) -> JSONOutput {
        .object([
            "concurrency": settings.limit.map { .int($0) } ?? .null, "lease_seconds": .seconds(settings.lease),
            "ageing_seconds": settings.step == QueueSettings.strictStep ? .int(0) : .seconds(settings.step),
            "durability": .string(settings.durability.rawValue),
            "retention": .object([
                "completed": .retention(settings.completed), "failed": .retention(settings.failed),
                "cancelled": .retention(settings.cancelled),
            ]),
        ])
    }

    private static func retention(_ retention: Retention) -> JSONOutput {
        .object(["age_seconds": .seconds(retention.age), "count": .int(retention.count)])
    }
}

// MARK: - Description

/// The description of queues in responses.
enum QueueView {
    static let shape = ObjectShape(
        "Queue", "A queue with its counts, pauses and settings.",
        [
            .always("name", .text, "The name."), .always("paused", .flag, "Whether no job is claimed."),
            .maybe("pause", .object(pause), "The pause of this queue."),
            .maybe("pause_all", .object(pause), "The pause of all queues."),
            .always("jobs", .object(counts), "How many jobs are in each index."),
            .always("total_jobs", .count, "How many jobs are kept."),
            .always("totals", .object(totals), "How many there ever were."),
            .always("oldest_wait_seconds", .seconds, "How long the job waits that has waited longest."),
            .maybe("next_due_seconds", .seconds, "When the next scheduled or retrying job may run."),
            .always("settings", .object(settings), "The settings."),
        ])
    static let list = ObjectShape(
        "QueueList", "All queues that the token may see.",
        [.always("queues", .list(shape), "Sorted by name."), DamagedQueues.property])

    static let counts = ObjectShape(
        "JobCounts", "How many jobs are in each index; `delayed` holds scheduled and retrying ones.",
        JobIndex.allCases.map { .always($0.rawValue, .count, "Jobs that are \($0.rawValue).") })
    static let totals = ObjectShape(
        "JobTotals", "Counters that never go back.",
        ["created", "completed", "failed", "cancelled", "deleted"].map {
            .always($0, .integer, "Jobs that were ever \($0).")
        })
    static let pause = ObjectShape(
        "PauseInfo", "A pause.",
        [
            .maybe("reason", .text, "Why."), .maybe("by", .text, "The name of the token that paused."),
            .maybe("at", .time, "Since when."),
        ])
    private static let settings = ObjectShape(
        "QueueSettings", "The settings of a queue.",
        [
            .always("concurrency", .nullable(.count), "How many jobs may run at one time; `null` is without limit."),
            .always("lease_seconds", .seconds, "How long a worker holds a job without a heartbeat."),
            .always("ageing_seconds", .seconds, "The waiting time that is worth one level of priority; 0 is strict."),
            .always("durability", .words(Durability.self), "What every push waits for at least."),
            .always("retention", .object(retentions), "How long finished jobs are kept."),
        ])
    private static let retentions = ObjectShape(
        "Retentions", "The retention of each final state.",
        ["completed", "failed", "cancelled"].map { .always($0, .object(retention), "Of jobs that are \($0).") })
    private static let retention = ObjectShape(
        "Retention", "How long jobs are kept after their end.",
        [.always("age_seconds", .seconds, "The longest age."), .always("count", .count, "The largest count.")])

    static let drained = ObjectShape(
        "DrainedQueue", "What a drain did and left.",
        [
            .always("name", .text, "The queue."), .always("cancelled", .count, "Jobs that this call cancelled."),
            .always("waiting", .count, "Jobs that still wait."), .always("running", .count, "Jobs that run."),
        ])
    static let deleted = ObjectShape(
        "DeletedQueue", "A queue that was deleted.",
        [.always("name", .text, "The queue."), .always("deleted_jobs", .count, "Finished jobs that went with it.")])
}
