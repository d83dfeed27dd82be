// The descriptions of responses about all queues: pauses, statistics and workers.

import MartletQueue

/// The description of responses about all queues.
enum SummaryView {
    static let pause = ObjectShape(
        "PauseResult", "A pause or its end.",
        [
            .always("message", .text, "What was done, for people."),
            .always("status", .words(["paused", "active"]), "The state after it."), DamagedQueues.property,
        ])

    static let stats = ObjectShape(
        "Stats", "Numbers over all queues that the token may see.",
        [
            .always("queues", .count, "How many queues there are."),
            .always("paused_queues", .count, "How many of them are paused."),
            .always("paused_all", .flag, "Whether all queues are paused together."),
            .always("jobs", .object(QueueView.counts), "How many jobs are in each index."),
            .always("total_jobs", .count, "How many jobs are kept."),
            .always("totals", .object(QueueView.totals), "How many there ever were."),
            .always("oldest_wait_seconds", .seconds, "How long the job waits that has waited longest."),
            DamagedQueues.property,
        ])

    static let workers = ObjectShape(
        "WorkerList", "The worker processes of the last hour.",
        [.always("workers", .list(worker), "Sorted by id."), DamagedQueues.property])

    private static let worker = ObjectShape(
        "Worker", "A worker process.",
        [
            .always("id", .text, "The id of the process."),
            .maybe("last_seen_at", .time, "When it last sent a heartbeat."),
            .always("last_seen_seconds", .seconds, "How long ago that was."),
            .always("alive", .flag, "Whether that was within 15 s."),
            .always("queues", .list(served), "The queues that it serves."),
        ])
    private static let served = ObjectShape(
        "ServedQueue", "A queue of a worker.",
        [
            .always("queue", .text, "The queue."),
            .always("info", .any, "What the worker reported: host, process id, version, slots and running jobs."),
        ])
}
