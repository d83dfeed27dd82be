// Downloads from an origin on this machine, beside the programs that people would use instead.

import Crypto
import FoundationEssentials
import MartletCommandSupport
import MartletDownloads
import MartletJobs
import MartletQueue

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How fast files come: one of a GiB with its SHA-256 checked, beside `curl`; 2000 of 64 KiB, ten at a time, beside
/// `aria2c`.
///
/// All of them write to the same disk. Each file is removed, and the disk synced, before the next program begins.
struct DownloadFigure: Sendable {
    let session: BenchSession
    let run: Int

    private var bigSize: Int { session.options.isQuick ? 8 << 20 : 1 << 30 }
    private var smallCount: Int { session.options.isQuick ? 50 : 2000 }

    func measure() async throws {
        let directory = try BenchDirectory.make(onDisk: true)
        defer { BenchDirectory.remove(directory) }
        let order = OriginOrder(port: try await LoopbackPort.free(), bigSize: bigSize)
        try await BenchEnvironment.with(.martlet, given: session.options.redisURL) { stage in
            let text = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
            let origin = try stage.process(
                Subprocess.ownPath, ["target", "origin", text], named: "origin", environment: [:])
            try await Self.wait(for: order.port)
            let place = Place(base: "http://127.0.0.1:\(order.port)", directory: directory)
            let result: Result<Void, any Error>
            do { result = .success(try await measure(place, stage)) } catch { result = .failure(error) }
            await origin.stop()
            try result.get()
        }
    }

    /// Waits until a process listens on the port.
    private static func wait(for port: Int) async throws {
        let address = try RedisAddress("redis://127.0.0.1:\(port)")
        let end = ContinuousClock.now + .seconds(60)
        while true {
            do {
                close(try RawSocket.open(address))
                return
            } catch {
                guard ContinuousClock.now < end else { throw CommandFailure(.failed, "the origin did not start") }
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Where files come from and go to.
    private struct Place: Sendable {
        var base: String
        var directory: String

        func remove(_ name: String) {
            try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            sync()
        }
    }

    private func measure(_ place: Place, _ stage: BenchEnvironment) async throws {
        if let curl = Programs.find("curl") {
            try await other("big", "curl", place, size: bigSize, files: 1) {
                try stage.process(
                    curl, ["-sS", "-o", place.directory + "/big", place.base + "/big"], named: "curl", environment: [:])
            }
        }
        if let aria = Programs.find("aria2c") {
            let list = (0..<smallCount).map { "\(place.base)/small-\($0)\n" }.joined()
            let path = place.directory + "/list"
            try Data(list.utf8).write(to: URL(filePath: path))
            try await other("small", "aria2c", place, size: BenchOrigin.smallSize, files: smallCount) {
                try stage.process(
                    aria, ["--no-conf", "-q", "-j", "10", "-d", place.directory + "/small", "-i", path],
                    named: "aria2c",
                    environment: [:])
            }
        }
        try await own(place, stage)
    }

    /// Runs a program that exits when its downloads are complete.
    private func other(
        _ variant: String, _ name: String, _ place: Place, size: Int, files: Int, _ start: () throws -> Subprocess
    ) async throws {
        try await session.measure(.download, variant, name, run) {
            place.remove(variant)
            let begin = BenchClock.now
            let status = try await start().wait(within: .seconds(300))
            let seconds = BenchClock.now - begin
            defer { place.remove(variant) }
            guard status == 0 else { throw CommandFailure(.failed, "\(name) ended with \(status ?? -1)") }
            return Self.metrics(seconds, size: size, files: files)
        }
    }

    private static func metrics(_ seconds: Double, size: Int, files: Int) -> [BenchMetric: Double] {
        [
            .seconds: seconds, .bytesPerSecond: Double(size * files) / seconds, .jobs: Double(files),
            .jobsPerSecond: Double(files) / seconds,
        ]
    }
}

// MARK: - Ours

extension DownloadFigure {
    private func own(_ place: Place, _ stage: BenchEnvironment) async throws {
        let worker = try stage.martlet(
            "work",
            [
                "WORKER_QUEUES": "downloads=10", "DOWNLOAD__DIRECTORY": place.directory + "/small",
                "DOWNLOAD__ALLOW_PRIVATE_ADDRESSES": "true",
            ])
        let result: Result<Void, any Error>
        do {
            result = .success(
                try await StoreSession.withStore(stage.configuration, prefix: "martlet") { store in
                    let queue = store.queue(.downloads)
                    // The first download of a process is slower than all that follow.
                    _ = try await Self.download(place, queue, "warm", count: 1, worker)
                    try await big(place, queue, worker)
                    try await small(place, queue, worker)
                })
        } catch {
            result = .failure(error)
        }
        await worker.stop()
        place.remove("small")
        try result.get()
    }

    private func big(_ place: Place, _ queue: Queue, _ worker: Subprocess) async throws {
        let sum = BenchOrigin.sha256(of: bigSize)
        try await session.measure(.download, "big", BenchSystem.own, run) {
            var metrics = Self.metrics(
                try await Self.download(place, queue, "big", count: 1, worker, checksum: "sha256:" + sum),
                size: bigSize, files: 1)
            try Self.check(place, "big", size: bigSize)
            place.remove("small/big")
            if let curl = session.result(.download, "big", "curl", run) {
                metrics = metrics.compared(with: curl, by: .bytesPerSecond)
            }
            return metrics
        }
    }

    private func small(_ place: Place, _ queue: Queue, _ worker: Subprocess) async throws {
        try await session.measure(.download, "small", BenchSystem.own, run) {
            let seconds = try await Self.download(place, queue, "small", count: smallCount, worker)
            var metrics = Self.metrics(seconds, size: BenchOrigin.smallSize, files: smallCount)
            for number in 0..<smallCount { try Self.check(place, "small-\(number)", size: BenchOrigin.smallSize) }
            if let aria = session.result(.download, "small", "aria2c", run) {
                metrics = metrics.compared(with: aria, by: .bytesPerSecond)
            }
            return metrics
        }
    }

    /// Returns the seconds from the moment when the downloads may start until all are complete.
    private static func download(
        _ place: Place, _ queue: Queue, _ name: String, count: Int, _ worker: Subprocess, checksum: String? = nil
    ) async throws -> Double {
        let jobs = (0..<count).map { number in
            let file = count == 1 ? name : "\(name)-\(number)"
            return DownloadJob(url: "\(place.base)/\(file)", filename: file, checksum: checksum)
        }
        try await queue.pause()
        let before = try await queue.status()?.completedEver ?? 0
        try await queue.enqueue(contentsOf: jobs)
        let start = BenchClock.now
        try await queue.resume()
        while true {
            let status = try await queue.status()
            if (status?.completedEver ?? 0) - before == count { return BenchClock.now - start }
            guard (status?.failedEver ?? 0) == 0, worker.status == nil, BenchClock.now - start < 300 else {
                throw CommandFailure(
                    .failed,
                    "\((status?.completedEver ?? 0) - before) of \(count) downloads were done: "
                        + (try await reason(queue, worker)))
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Why downloads do not end.
    private static func reason(_ queue: Queue, _ worker: Subprocess) async throws -> String {
        if let status = worker.status { return "the worker ended with \(status)" }
        let failed = try await queue.list(states: [.failed], limit: 1).jobs.first
        return failed?.error ?? "they take too long"
    }

    private static func check(_ place: Place, _ name: String, size: Int) throws {
        let found = FileSize.of("\(place.directory)/small/\(name)") ?? -1
        guard found == size else { throw CommandFailure(.failed, "\(name) has \(found) bytes instead of \(size)") }
    }
}
