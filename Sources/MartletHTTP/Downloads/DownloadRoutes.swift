// The remaining routes of /api/downloads: the queue, single downloads, and batches of actions.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    func pauseDownloads(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        try await call.queue(.downloads).change { queue throws(QueueError) in
            try await queue.pause(by: call.caller.name)
        }
        return Reply(.object(["message": "Downloads paused successfully; running ones finish", "status": "paused"]))
    }

    func resumeDownloads(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        let queue = try call.queue(.downloads)
        try await queue.change { queue throws(QueueError) in try await queue.resume() }
        if try await queue.afterChange({ queue throws(QueueError) in try await queue.status() })?.isPaused ?? false {
            let message = "Downloads resumed successfully, but all queues are paused: POST /api/v1/resume ends that"
            return Reply(.object(["message": .string(message), "status": "paused"]))
        }
        return Reply(.object(["message": "Downloads resumed successfully", "status": "active"]))
    }

    func downloadStatus(_ call: Call) async throws -> Reply {
        let status = try await call.queue(.downloads).status()
        func count(_ index: JobIndex) -> JSONOutput { .int(status?.jobs[index] ?? 0) }
        // A queue that does not exist yet will begin with the environment's limit; one that exists may have none.
        let limit = status == nil ? settings.defaultConcurrency : status?.settings.limit
        let (completed, failed) = (status?.completedEver ?? 0, status?.failedEver ?? 0)
        let cancelled = status?.cancelledEver ?? 0
        return Reply(
            .object([
                "paused": .bool(status?.isPaused ?? false),
                "max_concurrent_downloads": limit.map { .int($0) } ?? .null,
                "active_downloads": count(.active),
                "queued_downloads": .int((status?.jobs[.queued] ?? 0) + (status?.jobs[.blocked] ?? 0)),
                "waiting_downloads": count(.delayed), "paused_downloads": count(.paused),
                "total_jobs": .int(status?.total ?? 0), "completed_total": .int(completed),
                "failed_total": .int(failed), "cancelled_total": .int(cancelled),
                // The same counters under the names that older clients use.
                "completed": .int(completed), "failed": .int(failed), "cancelled": .int(cancelled),
            ]))
    }

    func setDownloadConcurrency(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        let limit = fields.read(DownloadSettingField.concurrency, settings)
        try fields.done()
        guard let limit else { throw HTTPProblem.invalid("/max_concurrent_downloads", "is required") }
        try await call.queue(.downloads).change { queue throws(QueueError) in
            try await queue.configure(QueueSettingsChange(limit: limit))
        }
        return Reply(.object(["max_concurrent_downloads": .int(limit)]))
    }

    func listDownloads(_ call: Call) async throws -> Reply {
        let limit = try call.query.read(CommonParameter.limit) ?? 50
        let states = try call.query.read(Self.statusParameter)
        let cursor = try call.query.cursor(JobCursor.self)
        let queue = try call.queue(.downloads)
        let page = try await queue.list(states: states, after: cursor, limit: limit)
        let total = Self.total(states, try await queue.status())
        return Reply(
            .object([
                "downloads": .array(page.jobs.filter(isDownload).map(download)),
                "next_cursor": .cursor(page.next),
                "total": total.map { .int($0) } ?? .null,
            ]))
    }

    /// The status of the listed downloads.
    static let statusParameter = Parameter<Set<JobState>>(
        "status", .words(JobState.downloadStatuses), "Only downloads of this status."
    ) { query throws(HTTPProblem) in
        guard let word = query["status"] else { return nil }
        let states = JobState.states(ofDownload: word)
        guard !states.isEmpty else {
            throw .invalid("?status", "must be one of \(JobState.downloadStatuses.joined(separator: ", "))")
        }
        return states
    }

    /// The number of downloads in these states, if one count tells it: scheduled and retrying ones share an index, so
    /// `pending` and `queued` have a total only while that index is empty.
    private static func total(_ states: Set<JobState>?, _ status: QueueStatus?) -> Int? {
        guard let status else { return 0 }
        guard let states else { return status.total }
        let splitsDelayed = states.contains(.scheduled) != states.contains(.retrying)
        if splitsDelayed, status.jobs[.delayed] ?? 0 > 0 { return nil }
        return Set(states.map(\.index)).reduce(0) { $0 + (status.jobs[$1] ?? 0) }
    }

    func getDownload(_ call: Call) async throws -> Reply {
        let id = try call.id()
        guard let job = try await call.queue(.downloads).job(id), isDownload(job), call.sees(job) else {
            throw Self.noDownload(id)
        }
        return Self.tagged(download(job), call)
    }

    /// Pauses, resumes, cancels or retries: 200 with the new status, 202 while a running download stops.
    func changeDownload(_ call: Call, _ verb: ControlVerb) async throws -> Reply {
        try call.takesNothing()
        return try await change(call, verb)
    }

    private func change(_ call: Call, _ verb: ControlVerb) async throws -> Reply {
        let id = try call.id()
        return try Self.reply(id, verb, try await call.queue(.downloads).apply(verb, [id])[0])
    }

    private static func reply(_ id: JobID, _ verb: ControlVerb, _ verdict: ControlVerdict) throws(HTTPProblem) -> Reply
    {
        switch verdict {
        case .done(let state): return changed(id, verb, state?.downloadStatus ?? "deleted")
        case .asked: return changed(id, verb, verb == .pause ? "paused" : "cancelled", isStopping: true)
        case .refused(let state):
            throw .invalidState(id, verb.actionName, state.downloadStatus, allowed: state.downloadVerbs)
        case .missing: throw noDownload(id)
        case .invalid(let field): throw .invalid("/\(field)", "is out of its range")
        case .uniqueKeyTaken(let holder): throw .uniqueKeyTaken(by: holder)
        }
    }

    /// Runs a failed or cancelled download again, optionally under another name; a waiting one gets the name and keeps
    /// waiting.
    func retryDownload(_ call: Call) async throws -> Reply {
        guard var fields = try call.optionalFields() else { return try await change(call, .retry) }
        let filename = fields.read(DownloadField.filename)
        let onConflict = fields.read(DownloadField.onConflict)
        try fields.done()
        guard filename != nil || onConflict != nil else { return try await change(call, .retry) }
        let (id, queue) = (try call.id(), try call.queue(.downloads))
        let payload = try await beforeWriting {
            guard let job = try await queue.job(id), isDownload(job) else { throw Self.noDownload(id) }
            do throws(DownloadRefusal) {
                return try downloads.renamed(job.payload, filename, onConflict) ?? job.payload
            } catch {
                throw HTTPProblem.invalid("/\(error.field)", error.detail)
            }
        }
        let verdict = try await repeatedOnce { _ throws(QueueError) in try await queue.retry(id, payload: payload) }
        return try Self.reply(id, .retry, verdict)
    }

    func setDownloadPriority(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        let priority = fields.read(DownloadSettingField.priority)
        try fields.done()
        guard let priority else { throw HTTPProblem.invalid("/priority", "is required") }
        return try await change(call, .priority(priority))
    }

    private static func changed(
        _ id: JobID, _ verb: ControlVerb, _ status: String, isStopping: Bool = false
    ) -> Reply {
        let message =
            switch verb {
            case .pause: isStopping ? "Download is stopping and will be paused" : "Download is paused"
            case .resume: "Download is resumed"
            case .cancel: isStopping ? "Download is stopping and will be cancelled" : "Download is cancelled"
            case .retry: "Download will be tried again"
            default: "Priority is changed"
            }
        let body = JSONOutput.object([
            "message": .string(message), "download_id": .string(id.description), "status": .string(status),
            "stopping": isStopping ? true : nil,
        ])
        return Reply(body, status: isStopping ? .accepted : .ok)
    }

    private static func noDownload(_ id: JobID) -> HTTPProblem { .notFound("there is no download \(id)") }

    /// One action on many downloads, each decided separately.
    func actOnDownloads(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        let verb = Self.verb(&fields, DownloadActionFields.action)
        let ids = try Self.ids(DownloadActionFields.ids, &fields, settings)
        if let ids, ids.isEmpty, fields.errors.isEmpty {
            throw HTTPProblem(.emptyBatch, "At least one download ID must be provided")
        }
        try fields.done()
        guard let verb, let ids else { throw HTTPProblem.invalid("/download_ids", "is required") }
        var report = ActionReport(verb: verb, word: { $0.downloadStatus }, allowed: { $0.downloadVerbs })
        let known = ids.enumerated().compactMap { index, item in item.id.map { (index: index, id: $0) } }
        for (index, item) in ids.enumerated() where item.id == nil {
            report.refuse(index, item.text, "not a valid download id: it \(JobID.rule)")
        }
        await report.act(on: known, in: try call.queue(.downloads))
        return try report.reply(message: "Batch \(verb.actionName) done")
    }
}
