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

    private static func pause(_ pause: QueuePause) -> JSONOutput {
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
