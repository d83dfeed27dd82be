// A download in responses, and the state names of the download API.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JobState {
    /// The state's name in the download API.
    var downloadStatus: String {
        switch self {
        case .scheduled: "pending"
        case .queued, .retrying, .blocked: "queued"
        case .active: "downloading"
        case .paused, .completed, .failed, .cancelled: rawValue
        }
    }

    /// The download API's verbs that have an effect in this state.
    var downloadVerbs: [String] {
        allowedVerbs.compactMap { verb in
            switch verb {
            case "patch": "priority"
            case "run", "delete": nil
            default: verb
            }
        }
    }

    /// The names of all states in the download API.
    static let downloadStatuses = ["pending", "queued", "downloading", "paused", "completed", "failed", "cancelled"]

    /// The states that a name of the download API stands for.
    static func states(ofDownload word: String) -> Set<JobState> {
        Set(allCases.filter { $0.downloadStatus == word })
    }
}

extension API {
    /// Whether a job of the queue is a download; other jobs may have been pushed there directly.
    func isDownload(_ job: JobRecord) -> Bool {
        job.type == downloads.type && downloads.facts(job.payload, nil) != nil
    }

    /// A complete download.
    func download(_ job: JobRecord) -> JSONOutput {
        let facts = downloads.facts(job.payload, job.output)
        let total = job.progress?.total.map { Int($0) } ?? facts?.totalBytes
        let done = job.state == .completed ? total ?? Self.bytes(job) : Self.bytes(job)
        let rate = job.state == .active ? job.progress?.rate.flatMap { $0 > 0 ? $0 : nil } : nil
        return .object([
            "id": .string(job.id.description), "track_id": facts?.trackID.map { .string($0) },
            "url": .string(facts?.url ?? ""), "filename": .string(facts?.filename ?? ""),
            "status": .string(job.state.downloadStatus), "priority": .int(job.priority),
            "progress_percent": .double(Self.percent(job, done, total)), "bytes_downloaded": .int(done),
            "total_bytes": total.map { .int($0) }, "speed_bytes_per_second": rate.map { .int(Int($0.rounded())) },
            "eta_seconds": rate.flatMap { rate in
                total.map { .int(Int((Double(max(0, $0 - done)) / rate).rounded(.up))) }
            },
            "attempt": .int(job.attempt), "max_retries": .int(job.maxRetries),
            "retry_at": job.state == .retrying ? job.dueAt.map(JSONOutput.time) : nil,
            "timeout_seconds": job.timeout.map(JSONOutput.seconds),
            "starts_at": job.state == .scheduled ? job.dueAt.map(JSONOutput.time) : nil,
            "stop_requested": job.wanted.map { .string($0.rawValue) },
            "checksum": facts?.checksum.map { .string($0) }, "error": job.error.map { .string($0) },
            "created_at": .time(job.createdAt), "started_at": job.startedAt.map(JSONOutput.time),
            "completed_at": job.finishedAt.map(JSONOutput.time), "updated_at": .time(job.updatedAt),
        ])
    }

    private static func bytes(_ job: JobRecord) -> Int { Int(max(0, job.progress?.completed ?? 0)) }

    private static func percent(_ job: JobRecord, _ done: Int, _ total: Int?) -> Double {
        if job.state == .completed { return 100 }
        // The file is not there before the download is completed, even when all bytes are.
        return min(JobProgress(completed: Int64(done), total: total.map { Int64($0) }).percent ?? 0, 99.99)
    }
}

// MARK: - Description

/// The description of downloads in responses.
enum DownloadView {
    static let shape = ObjectShape("Download", "A download.", properties)

    private static let properties: [Property] = [
        .always("id", .text, "The id."), .maybe("track_id", .text, "The track, where it was pushed by one."),
        .always("url", .text, "The URL; without its query for a track."),
        .always("filename", .text, "The name of the file."),
        .always(
            "status", .words(JobState.downloadStatuses),
            "`pending` waits for its start; `queued` may run or waits for a retry."),
        .always("priority", .integer(NewJob.Limit.priorities), "A larger number runs first."),
        .always("progress_percent", .number(0...100), "100 only when the file is there."),
        .always("bytes_downloaded", .count, "Bytes on disk."),
        .maybe("total_bytes", .count, "The size of the file, once it is known."),
        .maybe("speed_bytes_per_second", .count, "The speed of a running download."),
        .maybe("eta_seconds", .count, "Seconds to the end at this speed."),
        .always("attempt", .count, "The number of the current or next attempt."),
        .always("max_retries", .count, "How often it is tried again after its first attempt."),
        .maybe("retry_at", .time, "When it is tried again."),
        .maybe("timeout_seconds", .seconds, "The time limit of one attempt."),
        .maybe("starts_at", .time, "When a pending download may start."),
        .maybe("stop_requested", .words(["pause", "cancel"]), "What a running download was asked to stop for."),
        .maybe("checksum", .text, "`sha256:` and the digest, if known."), .maybe("error", .text, "The last error."),
        .always("created_at", .time, "When it was pushed."),
        .maybe("started_at", .time, "When its last attempt started."),
        .maybe("completed_at", .time, "When it ended."), .always("updated_at", .time, "When it last changed."),
    ]

    /// The answers to a push that creates the download, and to one that finds it.
    static let created = Schema.anyOf([.object(pushedShape), .object(JobView.reference)])
    static let existing = Schema.anyOf([.object(pushedShape), .object(JobView.reference), .object(JobView.deleted)])
    private static let pushedShape = ObjectShape(
        "PushedDownload", "A download with the durability of its push.", properties + Confirmation.properties)
    static let list = ObjectShape(
        "DownloadList", "A page of downloads.",
        [
            .always("downloads", .list(shape), "Running ones first, then in the order in which they will run."),
            .always("next_cursor", .nullable(.text), "The `cursor` of the next page; `null` on the last one."),
            .always("total", .nullable(.count), "How many there are of this status, where one count tells it."),
        ])
    static let batch = ObjectShape(
        "DownloadBatch", "Downloads that were pushed together.",
        [
            .always("message", .text, "What was done, for people."),
            .always("job_ids", .list(.text), "The ids, in the order of the request."),
            .always("total_tracks", .count, "How many there are."),
        ] + Confirmation.properties)
    static let changed = ObjectShape(
        "ChangedDownload", "A download after a verb.",
        [
            .always("message", .text, "What was done, for people."), .always("download_id", .text, "The id."),
            .always("status", .text, "The status after it."),
            .maybe("stopping", .flag, "Whether it is still stopping."),
        ])
    static let concurrency = ObjectShape(
        "Concurrency", "The limit of downloads.",
        [.always("max_concurrent_downloads", .count, "How many downloads run at one time.")])
    static let status = ObjectShape(
        "DownloadNumbers", "The queue of downloads in numbers.",
        [
            .always("paused", .flag, "Whether no download starts."),
            .always("max_concurrent_downloads", .nullable(.count), "The limit; `null` without one."),
            .always("active_downloads", .count, "Running ones."), .always("queued_downloads", .count, "May run now."),
            .always("waiting_downloads", .count, "Scheduled and retrying ones."),
            .always("paused_downloads", .count, "Paused one by one."),
            .always("total_jobs", .count, "All that are kept."),
        ]
            + ["completed", "failed", "cancelled"].flatMap { (state: String) -> [Property] in
                [
                    .always(state + "_total", .integer, "Downloads that ever were \(state)."),
                    .always(state, .integer, "The same number under an older name."),
                ]
            })
}
