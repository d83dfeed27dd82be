// The steps of the demonstration: push, pause, resume, kill a worker, wait, verify every byte.

import Crypto
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import MartletRedis

/// The result of a demonstration.
struct DemoResult: Equatable {
    var downloaded = 0
    var lost = 0
    var corrupted = 0

    var isGood: Bool { downloaded == DemoPlan.count && lost == 0 && corrupted == 0 }

    /// The last line.
    var line: String { "\(downloaded) downloaded, \(lost) lost, \(corrupted) corrupted" }
}

/// One run of the demonstration.
struct DemoRun {
    let environment: DemoEnvironment
    let client: APIClient
    private var screen = DemoScreen()
    private var ids: [String] = []
    private var hasPaused = false
    private var hasKilled = false

    init(environment: DemoEnvironment, client: APIClient) {
        self.environment = environment
        self.client = client
    }

    /// Runs it and verifies the files.
    mutating func run() async throws -> DemoResult {
        let pids = [try await environment.startWorker(), try await environment.startWorker()]
        screen.tell(
            "server at \(environment.serverURL), workers \(pids[0]) and \(pids[1]), Redis \(environment.redis.processID)"
        )
        let origin = environment.origin
        let answer = try await client.post("/api/downloads/batch", body: DemoPlan.batch(url: origin.url))
        ids = (answer["job_ids"].array ?? []).compactMap(\.string)
        let size = HumanReadable.bytes(Double(DemoPlan.totalBytes))
        screen.tell("POST /api/downloads/batch: \(ids.count) files, \(size), priorities from -10 to 10")
        let deadline = ContinuousClock.now + .seconds(120)
        var downloads = try await look()
        while !downloads.allSatisfy(DownloadWait.isFinal) {
            guard ContinuousClock.now < deadline else { break }
            try await disturb(downloads)
            try await Task.sleep(for: .milliseconds(200))
            downloads = try await look()
        }
        return try await check(downloads)
    }

    /// Reads and shows all downloads.
    private mutating func look() async throws -> [JSONValue] {
        let page = try await client.list(
            "/api/downloads", items: "downloads", query: [], cursor: nil, limit: DemoPlan.count)
        screen.draw(page.items)
        return page.items
    }

    /// Pauses, and kills a worker, at the planned points.
    private mutating func disturb(_ downloads: [JSONValue]) async throws {
        let bytes = downloads.reduce(0) { $0 + ($1["bytes_downloaded"].double ?? 0) }
        let share = bytes / Double(DemoPlan.totalBytes)
        if !hasPaused, share >= DemoPlan.pauseAt {
            hasPaused = true
            try await pause()
        }
        if !hasKilled, share >= DemoPlan.killAt {
            hasKilled = true
            let dead = await environment.killWorker()
            let new = try await environment.startWorker()
            screen.tell(
                "worker \(dead) killed with SIGKILL in the middle of its downloads; worker \(new) takes its place")
        }
    }

    private mutating func pause() async throws {
        _ = try await client.post("/api/downloads/pause")
        screen.tell("POST /api/downloads/pause: those that run go on, no other starts")
        for _ in 0..<8 {
            _ = try await look()
            try await Task.sleep(for: .milliseconds(200))
        }
        _ = try await client.post("/api/downloads/resume")
        screen.tell("POST /api/downloads/resume")
    }

    /// Compares every file with the origin's.
    private mutating func check(_ downloads: [JSONValue]) async throws -> DemoResult {
        tellOrigin()
        var status: [String: String] = [:]
        for download in downloads {
            guard let id = download["id"].string else { continue }
            status[id] = download["status"].string
        }
        var result = DemoResult()
        for (index, file) in DemoPlan.files.enumerated() {
            let path = "\(environment.downloads)/\(file.name)"
            let isDone = index < ids.count && status[ids[index]] == "completed"
            guard isDone, let bytes = FileManager.default.contents(atPath: path) else {
                screen.tell("\(file.name) is lost: \(index < ids.count ? status[ids[index]] ?? "gone" : "no id")")
                result.lost += 1
                continue
            }
            if Hex.text(of: SHA256.hash(data: bytes)) == file.sha256 {
                result.downloaded += 1
            } else {
                screen.tell("\(file.name) is corrupted")
                result.corrupted += 1
            }
        }
        screen.tell("SHA-256 of every file compared with the origin's")
        return result
    }

    /// Prints what the origin server recorded.
    private mutating func tellOrigin() {
        let all = environment.origin.servings
        let sent = all.reduce(0) { $0 + $1.sent }
        screen.tell(
            """
            the origin had \(all.count) requests, refused \(all.count { $0.status == 503 }) with 503, \
            continued \(all.count { $0.status == 206 }) with Range, and sent \(HumanReadable.bytes(Double(sent)))
            """)
    }
}
