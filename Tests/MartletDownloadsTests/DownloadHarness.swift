// A directory, a runtime and a handler for one test, as a worker would put them together.

import Crypto
import Foundation
import Glibc
import Logging
import MartletJobs
import NIOCore
import Synchronization
import Testing

@testable import MartletDownloads

/// What a queue says to a worker that no longer holds the job.
struct Fenced: Error, Equatable {}

/// Records what a handler says and can be told to stop or to refuse.
final class TestRuntime: JobRuntime {
    private struct State {
        var stop: StopReason?
        var saves: [[UInt8]] = []
        var progress: [JobProgress] = []
        var savesLeft = Int.max
        var received = 0
        var leaseBytes = Int.max
    }

    private let state = Mutex(State())

    /// Accepts this many saves and refuses the rest; the lease is lost when this many bytes have arrived.
    init(savesLeft: Int = .max, leaseBytes: Int = .max) {
        state.withLock { ($0.savesLeft, $0.leaseBytes) = (savesLeft, leaseBytes) }
    }

    var stopReason: StopReason? { state.withLock { $0.stop } }
    var saves: [[UInt8]] { state.withLock { $0.saves } }
    var progress: [JobProgress] { state.withLock { $0.progress } }
    /// The bytes that arrived from the network.
    var received: Int { state.withLock { $0.received } }

    func stop(_ reason: StopReason) { state.withLock { $0.stop = reason } }

    func report(_ progress: JobProgress) { state.withLock { $0.progress.append(progress) } }

    @concurrent
    func save(checkpoint: [UInt8]) async throws {
        try state.withLock { state in
            guard state.savesLeft > 0 else { throw Fenced() }
            state.savesLeft -= 1
            state.saves.append(checkpoint)
        }
    }

    func receive(_ bytes: Int) {
        state.withLock { state in
            state.received += bytes
            if state.received >= state.leaseBytes { state.stop = .leaseLost }
        }
    }

    var checkpoint: DownloadCheckpoint? {
        saves.last.flatMap { try? JSONDecoder().decode(DownloadCheckpoint.self, from: Data($0)) }
    }
}

final class DownloadHarness: Sendable {
    let directory: String
    let id: JobID
    private let claims = Mutex(0)

    init() throws {
        id = JobID.generate()
        directory = FileManager.default.temporaryDirectory.path + "/downloads-\(id)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Settings with small limits, and with so much patience that no server is too slow because the machine is.
    func settings(_ change: (inout DownloadConfiguration) -> Void = { _ in }) -> DownloadConfiguration {
        var settings = DownloadConfiguration(directory: directory)
        settings.allowPrivateAddresses = true
        settings.checkpointBytes = 1 << 20
        (settings.stallTimeout, settings.minSpeedWindow) = (.seconds(300), .seconds(300))
        settings.connectTimeout = .seconds(60)
        change(&settings)
        return settings
    }

    /// Runs one attempt with a new claim; the checkpoint is the runtime's of the attempt before.
    func run(
        _ job: DownloadJob, after last: TestRuntime? = nil, runtime: TestRuntime = TestRuntime(),
        settings: DownloadConfiguration? = nil, resolver: AddressResolver = .system, policy: AddressPolicy? = nil
    ) async throws -> DownloadResult {
        var settings = settings ?? self.settings()
        settings.bytesReceived = { runtime.receive($0) }
        let handler = DownloadHandler(settings, resolver: resolver, policy: policy)
        let context = context(runtime, checkpoint: last?.saves.last)
        return try await handler.run(job, context: context)
    }

    func context(
        _ runtime: TestRuntime, checkpoint: [UInt8]?, id: JobID? = nil, attempt: Int = 1, maxRetries: Int = 3
    ) -> JobContext {
        let claim = claims.withLock { claims in
            claims += 1
            return claims
        }
        let facts = JobAttempt(
            id: id ?? self.id, type: "download", queue: "downloads", token: "\(claim):nonce\(claim)xyz", claims: claim,
            attempt: attempt, maxRetries: maxRetries, checkpoint: checkpoint)
        return JobContext(
            facts, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }), runtime: runtime)
    }

    /// The failure that an attempt ends with.
    func failure(
        _ job: DownloadJob, after last: TestRuntime? = nil, runtime: TestRuntime = TestRuntime(),
        settings: DownloadConfiguration? = nil, resolver: AddressResolver = .system, policy: AddressPolicy? = nil
    ) async -> DownloadError? {
        do {
            let result = try await run(
                job, after: last, runtime: runtime, settings: settings, resolver: resolver, policy: policy)
            Issue.record("the attempt succeeded: \(result)")
            return nil
        } catch let error as DownloadError {
            return error
        } catch {
            Issue.record("the attempt ended with \(error)")
            return nil
        }
    }

    /// Starts an attempt, waits until `count` bytes have arrived, asks it to stop and waits for its end.
    func stop(
        _ job: DownloadJob, _ reason: StopReason, afterBytes count: Int, after last: TestRuntime? = nil,
        runtime: TestRuntime = TestRuntime()
    ) async throws {
        let attempt = Task { try await run(job, after: last, runtime: runtime) }
        try await eventually("\(count) bytes arrive") { runtime.received >= count }
        runtime.stop(reason)
        attempt.cancel()
        await #expect(throws: CancellationError.self) { try await attempt.value }
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func bytes(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: path(name)).map { Array($0) } }

    /// The names in the directory, the hidden ones too.
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted() }
    var parts: [String] { names.filter { $0.hasSuffix(".part") } }
}

/// Counts calls from 1.
final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }

    var value: Int { count.withLock { $0 } }
}

/// Waits for a condition, at most a minute.
func eventually(_ what: Comment, _ condition: () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while !condition() {
        try #require(ContinuousClock.now < end, "did not happen in 60 s: \(what)")
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Bytes that do not repeat within a file, so that a shifted or spliced file shows.
func content(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
    }
    return Array(bytes.prefix(count))
}

/// A port of the loopback interface on which nothing listens, and which nobody else gets while this value exists.
final class ClosedPort {
    let number: Int
    private let descriptor: Int32

    init() throws {
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                var length = size
                guard bind(opened, address, size) == 0 else { return false }
                return getsockname(opened, address, &length) == 0
            }
        }
        descriptor = opened
        number = Int(UInt16(bigEndian: place.sin_port))
        try #require(isBound && number > 0, "no port is free")
    }

    deinit { close(descriptor) }
}

func sha256(_ bytes: [UInt8]) -> String { Hex.text(of: SHA256.hash(data: bytes)) }
