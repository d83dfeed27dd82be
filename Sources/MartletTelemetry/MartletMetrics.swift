// All metrics of the service with their help texts.

extension [MetricDescription] {
    /// All metrics that the service exposes.
    public static let martlet: [MetricDescription] = jobs + queues + workers + redis + server + telemetry

    private static let jobs: [MetricDescription] = [
        .init(name: "martlet_jobs_enqueued_total", help: "Jobs accepted by this process.", kind: .counter),
        .init(
            name: "martlet_jobs_finished_total", help: "Attempts finished in this process, by outcome.",
            kind: .counter),
        .init(name: "martlet_jobs", help: "Jobs kept in the store, by state.", kind: .gauge),
        .init(
            name: "martlet_job_wait_seconds", help: "Time from a job being runnable to its claim.", kind: .histogram,
            buckets: TimeBuckets.jobs),
        .init(
            name: "martlet_job_run_seconds", help: "Time that an attempt ran.", kind: .histogram,
            buckets: TimeBuckets.jobs),
    ]

    private static let queues: [MetricDescription] = [
        .init(
            name: "martlet_queue_latency_seconds", help: "Age of the oldest job that may run now.", kind: .gauge),
        .init(name: "martlet_queue_paused", help: "1 while the queue hands out no jobs.", kind: .gauge),
        .init(
            name: "martlet_limit_usage",
            help: "Weight in use of a limit, of a class the highest of one key; the first 200 limits of a queue.",
            kind: .gauge),
        .init(
            name: "martlet_limit_waiting", help: "Jobs that wait for a limit. The first 200 limits of a queue.",
            kind: .gauge),
        .init(
            name: "martlet_ledger_difference",
            help: "Jobs created less jobs deleted less jobs kept; anything but 0 is a fault.", kind: .gauge),
        .init(
            name: "martlet_repaired_total", help: "Index entries without a job that were dropped.", kind: .counter),
        .init(
            name: "martlet_possible_loss_total",
            help: "Jobs that Redis had acknowledged and no longer has, since this process started.", kind: .counter),
        .init(
            name: "martlet_possible_loss_jobs", help: "Possibly lost jobs that have not been accepted.",
            kind: .gauge),
    ]

    private static let workers: [MetricDescription] = [
        .init(name: "martlet_worker_slots", help: "Slots of this process, by state.", kind: .gauge),
        .init(
            name: "martlet_leases_lost_total", help: "Jobs that this process held and no longer does.",
            kind: .counter),
        .init(
            name: "martlet_download_bytes_total", help: "Bytes of downloads written to disk by this process.",
            kind: .counter, series: [[:]]),
        .init(
            name: "martlet_download_gave_way_total",
            help: "Times that a download gave its slot to those of other hosts.", kind: .counter, series: [[:]]),
    ]

    private static let redis: [MetricDescription] = [
        .init(
            name: "martlet_redis_command_seconds", help: "Round trips to Redis, waiting in the pipeline included.",
            kind: .histogram, series: [[:]], buckets: TimeBuckets.requests),
        .init(
            name: "martlet_redis_up", help: "1 while this process is connected to Redis.", kind: .gauge,
            series: [[:]]),
        .init(
            name: "martlet_pushes_refused", help: "1 while pushes are refused for the sake of Redis' memory.",
            kind: .gauge, series: [[:]]),
    ]

    private static let server: [MetricDescription] = [
        .init(
            name: "martlet_audit_refusals_total", help: "Refused requests of operators, also those without an entry.",
            kind: .counter, series: [[:]]),
        .init(
            name: "martlet_audit_failures_total", help: "Entries of the audit trail that could not be written.",
            kind: .counter, series: [[:]]),
        .init(name: "martlet_event_subscribers", help: "Streams of events that are open.", kind: .gauge),
        .init(name: "martlet_events_sent_total", help: "Events sent to streams.", kind: .counter),
        .init(
            name: "martlet_events_dropped_total", help: "Events not sent to streams, by reason.",
            kind: .counter),
        .init(name: "martlet_http_requests_total", help: "Requests that were answered.", kind: .counter),
        .init(
            name: "martlet_http_request_seconds", help: "Time to answer an HTTP request.", kind: .histogram,
            buckets: TimeBuckets.requests),
        .init(
            name: "martlet_http_connections", help: "Open connections of clients.", kind: .gauge,
            series: MetricDescription.each("listener", "main", "probes")),
        .init(
            name: "martlet_http_connections_cut_total",
            help: "Connections closed or refused at a limit, by reason.", kind: .counter,
            series: MetricDescription.each("reason", "idle", "unread", "address-full", "server-full")),
        .init(
            name: "martlet_tls_certificate_expiry_timestamp_seconds",
            help: "When the server's certificate expires, in seconds since 1970.", kind: .gauge),
    ]

    private static let telemetry: [MetricDescription] = [
        .init(name: "martlet_build_info", help: "1, with the version of this process as a label.", kind: .gauge),
        .init(
            name: "martlet_collector_errors", help: "Collectors of this page that failed or took too long.",
            kind: .gauge, series: [[:]]),
        .init(
            name: "martlet_metric_conflicts_total", help: "Times that one name was used for two kinds of metrics.",
            kind: .counter, series: [[:]]),
        .init(
            name: "martlet_metric_series_folded_total",
            help: "Times that a series beyond the limit was counted under other labels, by metric.", kind: .counter,
            series: MetricDescription.each(
                "metric", "martlet_jobs_enqueued_total", "martlet_jobs_finished_total", "martlet_job_wait_seconds",
                "martlet_job_run_seconds")),
    ]
}
