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
        case .queued, .retrying: "queued"
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
