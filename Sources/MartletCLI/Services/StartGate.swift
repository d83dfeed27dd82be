// What a server or a worker makes sure of before it works: that Redis is there, is fit, and is its own.

import FoundationEssentials
import Logging
import MartletHTTP
import MartletQueue
import MartletRedis
import ServiceLifecycle
import Synchronization

/// Checks Redis when the process starts, and again from time to time.
///
/// Where jobs could be lost or a script be cut short the process ends with the reason; what is only unwise is logged.
final class StartGate: Sendable {
    private let settings: RedisSettings
    private let store: JobStore
    private let logger: Logger
    private let latest = Mutex<[Checkup]>([])

    init(_ settings: RedisSettings, store: JobStore, logger: Logger) {
        self.settings = settings
        self.store = store
        self.logger = logger
    }

    /// What was found last, for `/readyz?verbose`.
    var findings: [ReadinessFinding] { latest.withLock { $0 }.map(\.finding) }

    /// Waits until Redis is there; throws a failure when it must not be used like this.
    func pass() async throws {
        while !Task.isCancelled {
            if let checks = await look(claims: true) {
                let bad = checks.filter(\.refusesStart)
                guard bad.isEmpty else { throw CommandFailure(.configuration, Self.refusal(bad)) }
                for check in checks where check.result != .good {
                    logger.warning("Redis is not set up as it should be", metadata: Self.fields(check))
                }
                return
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Looks again; what has become bad since is logged.
    func refresh() async {
        let before = Set(latest.withLock { $0 }.filter { $0.result == .bad }.map(\.name))
        for check in await look(claims: false) ?? [] where check.result == .bad && !before.contains(check.name) {
            logger.error("Redis is no longer fit", metadata: Self.fields(check))
        }
    }

    /// All checks that need no time; `nil` when Redis is away.
    private func look(claims: Bool) async -> [Checkup]? {
        do {
            var checks = try await RedisCheckup(settings).runAtStart(claims: claims)
            // Who is denied scripts, or stands before others' keys, cannot and need not look at the queues.
            if !checks.contains(where: \.refusesStart) { checks += try await QueueCheckup(store: store).run() }
            latest.withLock { $0 = checks }
            return checks
        } catch {
            logger.debug("Redis is away; its checks wait for it", error: error)
            return nil
        }
    }

    private static func refusal(_ bad: [Checkup]) -> String {
        bad.map { "\($0.name): \($0.value); \($0.advice)" }.joined(separator: "\n")
    }

    private static func fields(_ check: Checkup) -> Logger.Metadata {
        ["check": "\(check.name)", "found": "\(check.value)", "advice": "\(check.advice)"]
    }
}

/// A service that begins when Redis has passed its checks.
struct GatedService: Service {
    let gate: StartGate
    let service: any Service

    func run() async throws {
        try await cancelWhenGracefulShutdown { [gate] in try await gate.pass() }
        if !Task.isShuttingDownGracefully { try await service.run() }
    }
}
