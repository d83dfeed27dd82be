// The start gate of a server or worker: waits until Redis is available, fit for use, and owned by this environment.

package import Logging
package import MartletQueue
import Synchronization

/// Checks Redis when the process starts, and periodically afterwards.
///
/// A finding that could lose jobs or interrupt a script ends the process with the reason; other findings are logged.
package final class StartGate: Sendable {
    private struct State {
        var checks: [Checkup] = []
        var hasPassed = false
        var saysItWaits = false
    }

    private let redis: CheckedStore
    private let store: JobStore
    private let logger: Logger
    private let state = Mutex(State())

    /// Creates a gate for the Redis of `redis` and the queues of `store`, which uses the same Redis.
    package init(_ redis: CheckedStore, store: JobStore, logger: Logger) {
        self.redis = redis
        self.store = store
        self.logger = logger
    }

    /// The latest findings.
    package var checks: [Checkup] { state.withLock { $0.checks } }

    /// Whether the first checks have passed.
    package var hasPassed: Bool { state.withLock { $0.hasPassed } }

    /// Waits until Redis is available; throws ``StartRefusal`` when it must not be used.
    ///
    /// Returns early when the task is cancelled.
    package func pass() async throws(StartRefusal) {
        while !Task.isCancelled {
            if let checks = await look() {
                let bad = checks.filter(\.refusesStart)
                guard bad.isEmpty else { throw refusal(bad) }
                for check in checks where check.result != .good {
                    logger.warning("Redis is not configured as recommended", metadata: Self.fields(check))
                }
                state.withLock { $0.hasPassed = true }
                return
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Repeats the checks every minute until the task is cancelled.
    package func watch() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(60))
            if !Task.isCancelled { await refresh() }
        }
    }

    /// Repeats the checks and logs new findings.
    package func refresh() async {
        let before = Set(checks.filter { $0.result == .bad }.map(\.name))
        for check in await look() ?? [] where check.result == .bad && !before.contains(check.name) {
            logger.error("Redis check failed", metadata: Self.fields(check))
        }
    }

    /// Runs all quick checks; `nil` when Redis is unavailable.
    private func look() async -> [Checkup]? {
        do {
            var checks = try await RedisCheckup(redis).runAtStart(claims: true)
            // After a refusal, the queues cannot or need not be checked.
            if !checks.contains(where: \.refusesStart) { checks += try await QueueCheckup(store: store).run() }
            state.withLock { $0.checks = checks }
            return checks
        } catch {
            let isFirst = state.withLock { state in
                defer { state.saysItWaits = true }
                return !state.saysItWaits
            }
            logger.log(
                level: isFirst ? .warning : .debug, "Redis unavailable, checks will retry",
                metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func refusal(_ bad: [Checkup]) -> StartRefusal {
        for check in bad { logger.critical("Redis check failed, not starting", metadata: Self.fields(check)) }
        return StartRefusal(checks: bad)
    }

    private static func fields(_ check: Checkup) -> Logger.Metadata {
        ["check": "\(check.name)", "found": "\(check.value)", "advice": "\(check.advice)"]
    }
}

/// Why a process must not use this Redis.
package struct StartRefusal: Error, CustomStringConvertible {
    /// The findings.
    package let checks: [Checkup]

    /// Each failed check with its finding and what to do, one per line.
    package var description: String { faults.joined(separator: "\n") }

    /// Each failed check with its finding and what to do.
    package var faults: [String] { checks.map { "\($0.name): \($0.value); \($0.advice)" } }
}
