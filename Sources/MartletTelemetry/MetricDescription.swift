// What is known of a metric beforehand: its help text and, for a histogram, its buckets.

/// The help text of a metric and the upper bounds of its buckets.
public struct MetricDescription: Sendable, Hashable {
    /// The name as it stands in the exposition, unit and `_total` included.
    public var name: String
    /// One sentence for the reader of a dashboard.
    public var help: String
    /// Upper bounds of a histogram's buckets in its base unit, rising; `nil` means the registry's default.
    public var buckets: [Double]?

    /// A description; `buckets` count only for histograms.
    public init(name: String, help: String, buckets: [Double]? = nil) {
        self.name = name
        self.help = help
        self.buckets = buckets
    }
}

/// Bucket bounds for the ranges of time that the service sees, in seconds.
public enum TimeBuckets {
    /// 100 µs to 10 s: requests and store commands.
    public static let requests: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
    /// 5 ms to 6 h: waiting and running of jobs.
    public static let jobs: [Double] = [
        0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600,
    ]
}

extension [MetricDescription] {
    /// Every metric that the service is known to expose.
    public static let martlet: [MetricDescription] = [
        .init(name: "martlet_jobs_enqueued_total", help: "Jobs accepted by this process."),
        .init(name: "martlet_jobs_finished_total", help: "Attempts that ended in this process, by outcome."),
        .init(name: "martlet_jobs", help: "Jobs kept in the store, by state."),
        .init(name: "martlet_queue_latency_seconds", help: "Age of the oldest job that may run now."),
        .init(name: "martlet_queue_paused", help: "1 while the queue hands out no jobs."),
        .init(
            name: "martlet_job_wait_seconds", help: "Time from a job being runnable to its claim.",
            buckets: TimeBuckets.jobs),
        .init(name: "martlet_job_run_seconds", help: "Time that an attempt ran.", buckets: TimeBuckets.jobs),
        .init(name: "martlet_worker_slots", help: "Slots of this process, by state."),
        .init(name: "martlet_leases_lost_total", help: "Jobs that this process held and no longer does."),
        .init(
            name: "martlet_redis_command_seconds", help: "Round trips to Redis, waiting in the pipeline included.",
            buckets: TimeBuckets.requests),
        .init(name: "martlet_redis_up", help: "1 while this process is connected to Redis."),
        .init(name: "martlet_download_bytes_total", help: "Bytes of downloads written to disk by this process."),
        .init(
            name: "martlet_download_gave_way_total",
            help: "Times that a download gave its slot to those of other hosts."),
        .init(
            name: "martlet_http_request_seconds", help: "Time to answer an HTTP request.",
            buckets: TimeBuckets.requests),
        .init(name: "martlet_build_info", help: "1, with the version of this process as a label."),
    ]
}
