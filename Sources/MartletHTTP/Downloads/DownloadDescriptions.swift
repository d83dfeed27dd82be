// The descriptions of the routes of downloads in the API document.

import MartletJSON

extension RouteDescription {
    static var pauseDownloads: RouteDescription {
        RouteDescription(
            "pauseDownloads", .downloads, "Pause all downloads", "No further download starts; running ones finish.",
            answers: [.ok(.object(SummaryView.pause), "Downloads are paused.")],
            examples: [RouteExample("pause", "The queue")])
    }

    static var resumeDownloads: RouteDescription {
        RouteDescription(
            "resumeDownloads", .downloads, "Resume all downloads",
            "`status` is `paused` while all queues are paused together.",
            answers: [.ok(.object(SummaryView.pause), "Downloads are no longer paused.")],
            examples: [RouteExample("resume", "The queue")])
    }

    static var downloadStatus: RouteDescription {
        RouteDescription(
            "getDownloadStatus", .downloads, "Get the numbers of downloads",
            answers: [.ok(.object(DownloadView.status), "The numbers.")],
            examples: [RouteExample("status", "The queue")])
    }

    static var setDownloadConcurrency: RouteDescription {
        RouteDescription(
            "setDownloadConcurrency", .downloads, "Set how many downloads run at one time",
            answers: [.ok(.object(DownloadView.concurrency), "The limit.")],
            examples: [RouteExample("six", "Six at one time", body: #"{"max_concurrent_downloads": 6}"#)])
    }

    static var addDownload: RouteDescription {
        RouteDescription(
            "addDownload", .downloads, "Push a download", "By a `url` or a `track_id`.",
            answers: [
                .created(DownloadView.created, "The download was created.", headers: [.location]),
                .ok(DownloadView.existing, "The same request created it before; `deleted` where it is gone."),
            ],
            problems: [
                .idempotencyConflict, .idempotencyInProgress, .idempotencyKeyReused, .uniqueKeyTaken, .tooManyQueues,
            ],
            headers: [.idempotencyKey, .traceparent, .tracestate],
            examples: [
                RouteExample("url", "A file", body: #"{"url": "https://example.com/a.flac"}"#, status: 201),
                RouteExample(
                    "complete", "A file with all that can be said of it",
                    body: """
                        {"url": "https://example.com/b.flac", "filename": "b.flac", "checksum": \
                        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "max_bytes": 1000000, \
                        "bytes_per_second": 500000, "on_conflict": "error", "priority": 5, "delay_seconds": 60, \
                        "max_retries": 2, "timeout_seconds": 600, "unique": true, "durability": "memory"}
                        """, status: 201),
            ])
    }

    static var addDownloads: RouteDescription {
        RouteDescription(
            "addDownloads", .downloads, "Push many downloads", "All of them or none: a list of tracks or of downloads.",
            answers: [.ok(.object(DownloadView.batch), "All were created.")],
            problems: [
                .emptyBatch, .invalidTrackID, .idempotencyConflict, .idempotencyInProgress, .idempotencyKeyReused,
                .uniqueKeyTaken, .tooManyQueues,
            ],
            headers: [.idempotencyKey, .traceparent, .tracestate],
            examples: [
                RouteExample(
                    "downloads", "Two files",
                    body: """
                        {"downloads": [{"url": "https://example.com/c.flac"}, {"url": "https://example.com/d.flac", \
                        "priority": 9}], "priority": 5}
                        """),
                RouteExample(
                    "tracks", "A track, where the server has DOWNLOAD__SOURCE_URL",
                    body: #"{"track_ids": ["6f1c4c1e-7d5a-4a53-9d0e-2f3a7a1b5c11"]}"#),
            ])
    }

    static var actOnDownloads: RouteDescription {
        RouteDescription(
            "actOnDownloads", .downloads, "Apply one verb to many downloads",
            "Each download is decided by itself; one that refuses stops no other.",
            answers: [.ok(.object(ActionReport.shape), "One entry for each id.")], problems: [.emptyBatch],
            examples: [
                RouteExample(
                    "priority", "Set a priority",
                    body: #"{"action": "priority", "priority": 100, "download_ids": ["order-4711"]}"#)
            ])
    }

    static var listDownloads: RouteDescription {
        RouteDescription(
            "listDownloads", .downloads, "List downloads",
            "Running ones first, then in the order in which they will run, paused, and finished ones newest first.",
            answers: [.ok(.object(DownloadView.list), "A page.")], problems: [.pagesFull],
            examples: [
                RouteExample("all", "The first page"),
                RouteExample("queued", "Queued ones", query: "status=queued&limit=10"),
            ])
    }

    static var getDownload: RouteDescription {
        RouteDescription(
            "getDownload", .downloads, "Get a download",
            answers: [.ok(.object(DownloadView.shape), "The download.", headers: [.eTag]), .notModified],
            problems: [.notFound], headers: [.ifNoneMatch], examples: [RouteExample("download", "A download")])
    }

    /// A verb for one download.
    static func downloadVerb(
        _ verb: String, _ summary: String, _ details: String, stops: Bool = false
    ) -> RouteDescription {
        let stopping = RouteAnswer.accepted(.object(DownloadView.changed), "The download runs and is stopping.")
        return RouteDescription(
            verb + "Download", .downloads, summary, details,
            answers: [.ok(.object(DownloadView.changed), "The download after it.")] + (stops ? [stopping] : []),
            problems: [.notFound, .invalidState], examples: [RouteExample(verb, summary)])
    }

    static var retryDownload: RouteDescription {
        RouteDescription(
            "retryDownload", .downloads, "Retry a download",
            "Runs a failed or cancelled one again, under another name if the body says so; a waiting one gets the name.",
            answers: [.ok(.object(DownloadView.changed), "The download after it.")],
            problems: [.notFound, .invalidState, .uniqueKeyTaken],
            examples: [
                RouteExample("again", "A failed download"),
                RouteExample(
                    "renamed", "Under another name", body: #"{"filename": "other.flac", "on_conflict": "replace"}"#),
            ])
    }

    /// The same change under two methods.
    static func setDownloadPriority(_ id: String) -> RouteDescription {
        RouteDescription(
            id, .downloads, "Set the priority of a download",
            answers: [.ok(.object(DownloadView.changed), "The download after it.")],
            problems: [.notFound, .invalidState],
            examples: [RouteExample("priority", "To the front", body: #"{"priority": 100}"#)])
    }
}
