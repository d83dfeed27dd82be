// What the docstrings of downloads show.

import Foundation
import Martlet
import MartletDownloads

func configureDownloads() -> DownloadHandler {
    var configuration = DownloadConfiguration(directory: "/var/lib/martlet/downloads")
    configuration.maxBytes = 1 << 30
    configuration.globalBytesPerSecond = 10 << 20
    let handler = DownloadHandler(configuration)
    return handler
}

func runDownloads(_ store: JobStore) async throws {
    let worker = Worker(store, queues: ["downloads": 4]) {
        DownloadHandler(DownloadConfiguration(directory: "/var/lib/martlet/downloads"))
    }
    try await worker.run()
}

func pushDownloads(_ downloads: Queue, _ checksum: String) async throws {
    let job = try DownloadRequestRules().job(url: "https://example.com/a.flac", checksum: checksum)
    try await downloads.enqueue(job)
}

func pushTracks() throws {
    let tracks = try TrackTemplate("https://media.example.com/tracks/{track_id}")
    let rules = DownloadRequestRules(tracks: tracks)
    let job = try rules.job(trackID: "4711", maxBytes: 100 << 20)
    print(job)
}

func readRules() {
    do {
        _ = try DownloadRequestRules().job(url: "ftp://example.com/a")
    } catch {
        print(error.field, error.message)  // "url", and what is allowed
    }
}

func readResults(_ job: JobRef<DownloadResult>) async throws {
    let result = try await job.result(within: .seconds(60))
    print(result.filename, result.bytes, result.sha256)
}

func handleFailures(_ handler: DownloadHandler, _ job: DownloadJob, _ context: JobContext) async throws {
    do {
        _ = try await handler.run(job, context: context)
    } catch let error as DownloadError where error.code == .notFound {
        context.logger.notice("not there: \(error.message)")
    }
}

func shareSlots() -> DownloadQueueSnapshot {
    let snapshot = DownloadQueueSnapshot(
        running: [.init(id: .generate(), host: "example.com", priority: 0)], waiting: ["example.org": 3], limit: 4)
    return snapshot
}

func cleanUp(_ downloads: Queue) async throws {
    let cleaner = PartFileCleaner(directory: "/var/lib/martlet/downloads") { ids in
        var live: Set<JobID> = []
        for job in try await downloads.jobs(ids).compactMap({ $0 }) where !job.state.isFinal { live.insert(job.id) }
        return live
    }
    let removed = try await cleaner.clean()
    print(removed)
}

func probeDirectory() {
    if let number = DirectoryProbe.failure(of: "/var/lib/martlet/downloads") {
        print("downloads cannot be stored:", String(cString: strerror(number)))
    }
}

func readSources(_ job: DownloadJob) {
    switch job.source {
    case .url(let url): print(url)
    case .track(let id): print("track \(id)")
    }
}

func replaceFiles() throws {
    let job = try DownloadRequestRules().job(url: "https://example.com/a.flac", onConflict: .replace)
    print(job)
}

func makeTrackURLs() throws {
    let tracks = try TrackTemplate("https://media.example.com/tracks/{track_id}")
    let url = try tracks.url(of: "4711")  // https://media.example.com/tracks/4711
    print(url)
}
