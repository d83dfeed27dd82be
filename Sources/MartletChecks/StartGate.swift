// What a server or a worker makes sure of before it works: that Redis is there, is fit, and is its own.

package import Logging
package import MartletQueue
import Synchronization

/// Checks Redis when the process starts, and again from time to time.
///
/// Where jobs could be lost or a script be cut short the process ends with the reason; what is only unwise is logged.
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

    /// Checks of the Redis of `redis` and of the queues of `store`, which is the same one.
    package init(_ redis: CheckedStore, store: JobStore, logger: Logger) {
        self.redis = redis
        self.store = store
        self.logger = logger
    }

    /// What was found last.
    package var checks: [Checkup] { state.withLock { $0.checks } }

    /// Whether the first checks have been passed.
    package var hasPassed: Bool { state.withLock { $0.hasPassed } }

    /// Waits until Redis is there; throws ``StartRefusal`` when it must not be used like this.
    ///
    /// Returns early when the task is cancelled.
    package func pass() async throws(StartRefusal) {
        while !Task.isCancelled {
            if let checks = await look() {
                let bad = checks.filter(\.refusesStart)
                guard bad.isEmpty else { throw refusal(bad) }
                for check in checks where check.result != .good {
                    logger.warning("Redis is not set up as it should be", metadata: Self.fields(check))
                }
                state.withLock { $0.hasPassed = true }
                return
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Looks again every minute until the task is cancelled.
    package func watch() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(60))
            if !Task.isCancelled { await refresh() }
        }
    }

    /// Looks again; what has become bad since is logged.
    package func refresh() async {
        let before = Set(checks.filter { $0.result == .bad }.map(\.name))
        for check in await look() ?? [] where check.result == .bad && !before.contains(check.name) {
            logger.error("Redis is no longer fit", metadata: Self.fields(check))
        }
    }

    /// All checks that need no time; `nil` when Redis is unavailable.
    private func look() async -> [Checkup]? {
        do {
            var checks = try await RedisCheckup(redis).runAtStart(claims: true)
            // Who is denied scripts, or stands before others' keys, cannot and need not look at the queues.
            if !checks.contains(where: \.refusesStart) { checks += try await QueueCheckup(store: store).run() }
            state.withLock { $0.checks = checks }
            return checks
        } catch {
            let isFirst = state.withLock { state in
                defer { state.saysItWaits = true }
                return !state.saysItWaits
            }
            logger.log(
                level: isFirst ? .warning : .debug, "Redis is unavailable; its checks wait for it",
                metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func refusal(_ bad: [Checkup]) -> StartRefusal {
        for check in bad { logger.critical("Redis must not be used like this", metadata: Self.fields(check)) }
        return StartRefusal(checks: bad)
    }

    private static func fields(_ check: Checkup) -> Logger.Metadata {
        ["check": "\(check.name)", "found": "\(check.value)", "advice": "\(check.advice)"]
    }
}

/// Why a process must not use this Redis.
package struct StartRefusal: Error, CustomStringConvertible {
    /// What was found.
    package let checks: [Checkup]

    /// Each fault with what was found and what to do, one a line.
    package var description: String {
        checks.map { "\($0.name): \($0.value); \($0.advice)" }.joined(separator: "\n")
    }
}
