// Loss detection: notices when Redis has lost acknowledged jobs after a failover, a restore or a flush.

import CoreMetrics
import FoundationEssentials
import Logging
import MartletChecks
import MartletQueue
import ServiceLifecycle
import Synchronization

/// Compares Redis' state with what it acknowledged, about every second and after each reconnect.
final class LossDetector: Sendable {
    private let store: JobStore
    private let file: LossFile?
    private let logger: Logger
    private let interval: Duration
    private let onLook: @Sendable () -> Void
    private let metrics: any MetricsFactory
    private let state = Mutex(LossState())

    /// Creates the service.
    ///
    /// - Parameters:
    ///   - store: the store to watch.
    ///   - directory: the state directory; `nil` keeps the state in memory.
    ///   - interval: the time between two checks.
    ///   - logger: receives a line per loss.
    ///   - metrics: receives a counter of lost jobs and a gauge of those not yet accepted, per queue.
    ///   - onLook: called after each successful check.
    init(
        store: JobStore, directory: String?, interval: Duration = .seconds(1), logger: Logger,
        metrics: any MetricsFactory = MetricsSystem.factory, onLook: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.interval = interval
        self.onLook = onLook
        self.logger = logger
        self.metrics = metrics
        file = directory.map { LossFile(directory: $0, prefix: store.prefix) }
    }

    /// The detected losses that have not been accepted.
    var losses: [PossibleLoss] { memory.losses }
    /// The current state.
    var memory: LossState { state.withLock { $0 } }

    /// Checks repeatedly until the service group shuts down or the task is cancelled.
    func run() async {
        let (file, hold) = openedFile()
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var pause = self.interval
                do { try await self.look(file) } catch {
                    self.logger.debug("loss check failed, will retry", error: error)
                    // The check must happen before much is pushed again.
                    pause = min(pause, .milliseconds(200))
                }
                try? await Task.sleep(for: pause)
            }
        }
        withExtendedLifetime(hold) {}
    }

    /// The file with its stored state; `nil` when there is none, which is logged once.
    private func openedFile() -> (LossFile?, LossFile.LockHandle?) {
        guard let file else {
            logger.info("no state directory, losses are detected only while this process runs")
            return (nil, nil)
        }
        let hold: LossFile.LockHandle
        do throws(LossFile.Unusable) { hold = try file.hold() } catch {
            logger.warning(
                "state file unusable, losses are detected only while this process runs",
                metadata: ["reason": "\(error)"])
            return (nil, nil)
        }
        state.withLock { $0 = file.read() }
        measure()
        for loss in losses { report(loss, "Redis may have lost jobs, not accepted yet") }
        return (file, hold)
    }

    /// Checks once.
    private func look(_ file: LossFile?) async throws {
        let acknowledged = store.acknowledgedPushes()
        let marks = try await store.marks()
        let pushes = store.takePushMarks(acknowledged)
        onLook()
        // A read-only Redis is checked too.
        if marks.epoch.isEmpty, !marks.queues.isEmpty { try? await store.identify() }
        let now = Int((Date().timeIntervalSince1970 * 1000).rounded())
        let accepted = file?.takeAcceptance()
        let (findings, before, after, count) = state.withLock { memory in
            let before = memory
            let findings = memory.look(marks, pushes, now: now)
            let count = accepted.map { memory.accept(until: $0) } ?? 0
            return (findings, before, memory, count)
        }
        for (queue, created) in findings.restarted { store.restartPushMarks(of: queue, at: created) }
        for queue in findings.removed { logger.info("queue removed", metadata: ["queue": "\(queue)"]) }
        for loss in findings.losses {
            Counter(label: "martlet_possible_loss_total", dimensions: [("queue", loss.queue)], factory: metrics)
                .increment(by: loss.missing)
            report(loss, "Redis may have lost jobs that it had acknowledged")
        }
        if count > 0 || !findings.losses.isEmpty { measure(also: before.missing.keys) }
        if count > 0 { logger.notice("losses accepted", metadata: ["count": .stringConvertible(count)]) }
        var unmoved = after
        unmoved.lookedAt = before.lookedAt
        // An idle store causes no writes; the time of the last check is then slightly older than necessary.
        if let file, unmoved != before { try file.write(after) }
    }

    private func report(_ loss: PossibleLoss, _ message: Logger.Message) {
        logger.error(
            message,
            metadata: [
                "queue": "\(loss.queue)", "missing": .stringConvertible(loss.missing), "sign": "\(loss.sign.rawValue)",
                "since": "\(Self.time(loss.since))", "noticed": "\(Self.time(loss.noticed))",
            ])
    }

    static func time(_ milliseconds: Int) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }

    /// Sets the gauge of each queue that misses jobs, and of those that no longer do.
    private func measure(also queues: some Sequence<String> = [String]()) {
        let missing = memory.missing
        for queue in Set(queues).union(missing.keys) {
            Gauge(label: "martlet_possible_loss_jobs", dimensions: [("queue", queue)], factory: metrics)
                .record(missing[queue] ?? 0)
        }
    }

    /// Whether jobs are missing, and how many; without queue names, since the check is public.
    var check: Checkup {
        let missing = memory.missing.values.reduce(0, +)
        let advice = "\(missing) jobs that Redis had acknowledged are missing; run martlet doctor"
        return Checkup("possible loss", missing > 0 ? .bad : .good, "\(missing)", advice)
    }
}
