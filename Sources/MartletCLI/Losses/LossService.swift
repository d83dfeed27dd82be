// Loss detection: notices when Redis has lost acknowledged jobs after a failover, a restore or a flush.

import FoundationEssentials
import Logging
import MartletChecks
import MartletCommandSupport
import MartletHTTP
import MartletQueue
import MartletTelemetry
import ServiceLifecycle
import Synchronization

/// Compares Redis' state with what it acknowledged, about every second and after each reconnect.
final class LossService: Service {
    private let store: JobStore
    private let file: LossFile?
    private let logger: Logger
    private let interval: Duration
    private let onLook: @Sendable () -> Void
    private let state = Mutex((memory: LossState(), total: [String: Int]()))

    /// Creates the service.
    ///
    /// - Parameters:
    ///   - store: the store to watch.
    ///   - directory: the state directory; `nil` keeps the state in memory.
    ///   - interval: the time between two checks.
    ///   - onLook: called after each successful check.
    init(
        store: JobStore, directory: String?, interval: Duration = .seconds(1), logger: Logger,
        onLook: @escaping @Sendable () -> Void = {}
    ) {
        self.store = store
        self.interval = interval
        self.onLook = onLook
        self.logger = logger
        file = directory.map { LossFile(directory: $0, prefix: store.prefix) }
    }

    /// The detected losses that have not been accepted.
    var losses: [PossibleLoss] { memory.losses }
    /// The current state.
    var memory: LossState { state.withLock { $0.memory } }

    func run() async throws {
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
            logger.info("STATE_DIRECTORY is not set, losses are detected only while this process runs")
            return (nil, nil)
        }
        let hold: LossFile.LockHandle
        do throws(LossFile.Unusable) { hold = try file.hold() } catch {
            logger.warning(
                "state file unusable, losses are detected only while this process runs",
                metadata: ["reason": "\(error)"])
            return (nil, nil)
        }
        state.withLock { $0.memory = file.read() }
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
        let (findings, before, after, count) = state.withLock { state in
            let before = state.memory
            let findings = state.memory.look(marks, pushes, now: now)
            for loss in findings.losses { state.total[loss.queue, default: 0] += loss.missing }
            let count = accepted.map { state.memory.accept(until: $0) } ?? 0
            return (findings, before, state.memory, count)
        }
        for (queue, created) in findings.restarted { store.restartPushMarks(of: queue, at: created) }
        for queue in findings.removed { logger.info("queue removed", metadata: ["queue": "\(queue)"]) }
        for loss in findings.losses { report(loss, "Redis may have lost jobs that it had acknowledged") }
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

    /// The findings for `/readyz?verbose`: whether jobs are missing, and how many.
    ///
    /// The route is public, so no queue is named.
    var findings: [ReadinessFinding] {
        let missing = memory.missing.values.reduce(0, +)
        let advice = "\(missing) jobs that Redis had acknowledged are missing; run martlet doctor"
        return [Checkup("possible loss", missing > 0 ? .bad : .good, "\(missing)", advice).finding]
    }

    /// The number of missing jobs seen by this process, and of those that have not been accepted.
    var samples: [MetricSample] {
        let (total, open) = state.withLock { ($0.total, $0.memory.missing) }
        func sample(_ name: String, _ kind: MetricSample.Kind, _ queue: String, _ value: Int) -> MetricSample {
            MetricSample(name, kind: kind, labels: ["queue": queue], value: Double(value))
        }
        return total.map { sample("martlet_possible_loss_total", .counter, $0.key, $0.value) }
            + open.map { sample("martlet_possible_loss_jobs", .gauge, $0.key, $0.value) }
    }
}

/// The losses detected by the server of a state directory, for `martlet doctor`.
enum LossCheckup {
    /// A line per loss; none without a directory.
    static func run(directory: String?, prefix: String, isAccepted: Bool = false) -> [Checkup] {
        guard let directory else { return [] }
        let memory = LossFile(directory: directory, prefix: prefix).read()
        guard !memory.losses.isEmpty else {
            return [Checkup("possible loss", .good, memory.queues.isEmpty ? "nothing remembered yet" : "none")]
        }
        return memory.losses.map { loss in
            Checkup(
                "possible loss", isAccepted ? .good : .bad,
                "queue \(loss.queue): \(loss.missing) jobs since \(LossService.time(loss.since)) (\(loss.sign.rawValue))",
                "push again what is missing, then say martlet doctor --accept-losses")
        }
    }

    /// Accepts the losses detected until now; the server drops them at its next check.
    static func accept(directory: String?, prefix: String) throws {
        guard let directory else {
            throw CommandFailure(.usage, "--accept-losses needs the server's STATE_DIRECTORY or --state-directory")
        }
        let now = Int((Date().timeIntervalSince1970 * 1000).rounded(.up))
        do throws(LossFile.Unusable) { try LossFile(directory: directory, prefix: prefix).accept(at: now) } catch {
            throw CommandFailure(.failed, "nothing was accepted: \(error)")
        }
    }
}
