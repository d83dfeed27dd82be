// POST /api/downloads and /api/downloads/batch.

import Crypto
import FoundationEssentials
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    func addDownload(_ call: Call) async throws -> Reply {
        let text = try call.json()
        let key = try call.idempotencyKey()
        let queue = try call.queue(.downloads)
        let (job, durability) = try oneDownload(id: .generate(), call)
        return try await push(call, under: key, text.canonical(JSONShape.download)) { keyed in
            // The id is part of a download's content, so the request is read again with the final id.
            var job = try keyed.map { try oneDownload(id: $0.base, call).job } ?? job
            keyed?.mark(&job)
            let location = { (id: JobID) in "/api/downloads/\(id)" }
            return try await push(
                job, to: queue, durability: durability, for: call.caller, location: location
            ) { download($0) }
        }
    }

    private func oneDownload(
        id: JobID, _ call: Call
    ) throws(HTTPProblem) -> (job: NewJob, durability: Durability?) {
        var fields = try call.fields()
        let durability = fields.durability()
        var names = DownloadNames()
        let job = newDownload(&fields, id: id, &names, call)
        try fields.done()
        guard let job else { throw .invalid("", "must name a url or a track_id") }
        return (job, durability)
    }

    /// Reads one download; records errors in `fields` and returns `nil` if there are any.
    private func newDownload(
        _ fields: inout Fields, id: JobID, _ names: inout DownloadNames, _ call: Call, priority: Int = 0
    ) -> NewJob? {
        var request = DownloadRequest(id: id)
        request.url = fields.read(DownloadField.url)
        request.trackID = fields.read(DownloadField.trackID)
        request.filename = fields.read(DownloadField.filename)
        request.checksum = fields.read(DownloadField.checksum)
        request.maxBytes = fields.read(DownloadField.maxBytes)
        request.bytesPerSecond = fields.read(DownloadField.bytesPerSecond)
        request.onConflict = fields.read(DownloadField.onConflict)
        if fields.errors.isEmpty, (request.url == nil) == (request.trackID == nil) {
            fields.refuse("url", request.url == nil ? "or track_id is required" : "cannot be combined with track_id")
        }
        let priority = fields.read(JobField.priority) ?? priority
        let delay = fields.read(DownloadField.delay) ?? .zero
        let retries = fields.read(DownloadField.maxRetries) ?? settings.defaultMaxRetries
        let timeout = fields.read(DownloadField.timeout)
        let isUnique = fields.read(DownloadField.unique) ?? false
        guard fields.close().isEmpty else { return nil }
        do throws(DownloadRefusal) {
            let plan = try names.plan(request, by: downloads)
            return NewJob(
                id: id, type: downloads.type, payload: plan.payload, priority: priority, delay: delay,
                maxRetries: retries, timeout: timeout, uniqueKey: isUnique ? Self.uniqueKey(plan) : nil,
                owner: call.caller.owner, trace: call.trace)
        } catch {
            fields.refuse(error.field, error.detail)
            return nil
        }
    }

    /// The unique key of an unfinished download: its source.
    private static func uniqueKey(_ plan: DownloadPlan) -> String {
        "download:" + Hex.text(of: SHA256.hash(data: Array(plan.source.utf8)))
    }

    func addDownloads(_ call: Call) async throws -> Reply {
        let text = try call.json()
        let key = try call.idempotencyKey()
        let queue = try call.queue(.downloads)
        let batch = try downloadBatch(nil, call)
        return try await push(call, under: key, text.canonical(JSONShape.downloads)) { keyed in
            try await pushBatch(keyed.map { try downloadBatch($0, call) } ?? batch, to: queue, call)
        }
    }

    /// Downloads that are pushed together.
    private struct DownloadBatch {
        var jobs: [NewJob]
        var durability: Durability?
        /// The list in the request that contains them.
        var field: String
    }

    private func downloadBatch(_ keyed: KeyedPush?, _ call: Call) throws(HTTPProblem) -> DownloadBatch {
        var fields = try call.fields()
        let tracks = fields.read(DownloadBatchField.tracks, settings)
        let items = fields.read(DownloadBatchField.downloads, settings)
        let priority = fields.read(JobField.priority) ?? 0
        let durability = fields.durability()
        if fields.errors.isEmpty, (tracks == nil) == (items == nil) {
            fields.refuse("track_ids", tracks == nil ? "or downloads is required" : "cannot be combined with downloads")
        }
        try fields.done()
        let list = tracks ?? items ?? []
        guard !list.isEmpty else {
            let what = tracks == nil ? "download" : "track ID"
            throw HTTPProblem(.emptyBatch, "At least one \(what) must be provided")
        }
        guard list.count <= settings.batchLimit else {
            throw HTTPProblem.tooLarge(
                "a batch has at most \(settings.batchLimit) downloads", limit: settings.batchLimit)
        }
        let ids = list.indices.map { keyed?.base.item($0) ?? .generate() }
        var jobs =
            tracks == nil ? try itemJobs(list, ids, priority, call) : try trackJobs(list, ids, priority, call)
        for index in jobs.indices { keyed?.mark(&jobs[index], index: index) }
        return DownloadBatch(jobs: jobs, durability: durability, field: tracks == nil ? "downloads" : "track_ids")
    }

    private func trackJobs(
        _ list: [JSONText], _ ids: [JobID], _ priority: Int, _ call: Call
    ) throws(HTTPProblem) -> [NewJob] {
        let tracks = list.map { $0.string ?? String(decoding: $0.bytes, as: UTF8.self) }
        for track in tracks where !Self.isUUID(track) {
            let shown = track.quotable(limit: 100)
            throw HTTPProblem(.invalidTrackID, "Invalid track ID '\(shown)'")
                .with("track_id", .string(shown))
        }
        var jobs: [NewJob] = []
        var names = DownloadNames()
        for (index, track) in tracks.enumerated() {
            do throws(DownloadRefusal) {
                let plan = try names.plan(DownloadRequest(trackID: track, id: ids[index]), by: downloads)
                jobs.append(
                    NewJob(
                        id: ids[index], type: downloads.type, payload: plan.payload, priority: priority,
                        maxRetries: settings.defaultMaxRetries, owner: call.caller.owner, trace: call.trace))
            } catch {
                throw .invalid("/track_ids/\(index)", error.detail)
            }
        }
        return jobs
    }

    /// Whether a text is a UUID: hexadecimal digits with hyphens in the right positions.
    private static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        for (index, byte) in text.utf8.enumerated() {
            switch byte {
            case UInt8(ascii: "-"):
                guard index == 8 || index == 13 || index == 18 || index == 23 else { return false }
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                UInt8(ascii: "A")...UInt8(ascii: "F"):
                guard index != 8, index != 13, index != 18, index != 23 else { return false }
            default: return false
            }
        }
        return true
    }

    private func itemJobs(
        _ list: [JSONText], _ ids: [JobID], _ priority: Int, _ call: Call
    ) throws(HTTPProblem) -> [NewJob] {
        var jobs: [NewJob] = []
        var errors: [FieldError] = []
        var names = DownloadNames()
        for (index, item) in list.enumerated() {
            var fields = Fields(item, DownloadField.itemShape, at: "/downloads/\(index)")
            let job = newDownload(&fields, id: ids[index], &names, call, priority: priority)
            if let job { jobs.append(job) } else { errors += fields.errors }
            if errors.count >= Fields.limit { break }
        }
        if !errors.isEmpty { throw .invalid(errors) }
        return jobs
    }

    private func pushBatch(_ batch: DownloadBatch, to queue: Queue, _ call: Call) async throws -> Reply {
        let jobs = batch.jobs
        let bytes = jobs.reduce(0) { $0 + $1.payload.count }
        guard bytes <= NewJob.Limit.atomicBytes else {
            throw HTTPProblem.tooLarge("the batch has more than 16 MiB", limit: NewJob.Limit.atomicBytes)
        }
        for (index, job) in jobs.enumerated() where job.invalidField != nil {
            throw HTTPProblem.invalid("/\(batch.field)/\(index)", "has a value out of its range")
        }
        let pushed = try await queue.pushAtomically(jobs, batch.durability)
        switch pushed.outcome {
        case .refused(let index, let verdict):
            // A download is unique by its source, so no single field is named.
            let place = { (index: Int, _: String?) in FieldError(pointer: "/\(batch.field)/\(index)", detail: "") }
            throw HTTPProblem.refused(index, of: jobs, verdict, at: place, for: call.caller)
        case .accepted(let verdicts):
            pushes.count(jobs, verdicts, in: queue.name)
            return Reply(
                .object([
                    "message": .string("Batch download initiated for \(jobs.count) tracks"),
                    "job_ids": .array(jobs.map { .string($0.id.description) }), "total_tracks": .int(jobs.count),
                ]).adding(pushed.durability.members(asked: batch.durability)))
        }
    }
}
