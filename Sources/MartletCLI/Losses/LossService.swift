// Notices when Redis has forgotten jobs that it had acknowledged: after a failover, a restore, a flush.

import FoundationEssentials
import Logging
import MartletChecks
import MartletCommandSupport
import MartletHTTP
import MartletQueue
import MartletTelemetry
import ServiceLifecycle
import Synchronization

/// Compares what Redis knows with what it once acknowledged, every second or so and as soon as it is back.
final class LossService: Service {
    private let store: JobStore
    private let file: LossFile?
    private let logger: Logger
    private let interval: Duration
    private let onLook: @Sendable () -> Void
    private let state = Mutex((memory: LossMemory(), total: [String: Int]()))

    /// - Parameters:
    ///   - store: what is watched.
    ///   - directory: where to remember; `nil` remembers for as long as the process lives.
    ///   - interval: the pause between two looks.
    ///   - onLook: called when Redis has answered a look.
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

    /// What it has noticed and nobody has accepted.
    var losses: [PossibleLoss] { memory.losses }
    /// What it remembers.
    var memory: LossMemory { state.withLock { $0.memory } }

    func run() async throws {
        let (file, hold) = openedFile()
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var pause = self.interval
                do { try await self.look(file) } catch {
                    self.logger.debug("loss check failed, will retry", error: error)
                    // It must be looked at before much is pushed again.
                    pause = min(pause, .milliseconds(200))
                }
                try? await Task.sleep(for: pause)
            }
        }
        withExtendedLifetime(hold) {}
    }

    /// The file with what it holds in memory; `nil` where there is none to use, which is said once.
    private func openedFile() -> (LossFile?, LossFile.Hold?) {
        guard let file else {
            logger.info("STATE_DIRECTORY is not set, losses are detected only while this process runs")
            return (nil, nil)
        }
        let hold: LossFile.Hold
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

    /// Looks once.
    private func look(_ file: LossFile?) async throws {
        let acknowledged = store.acknowledgedPushes()
        let marks = try await store.marks()
        let pushes = store.takePushMarks(acknowledged)
        onLook()
        // Where Redis takes no writes it is looked at all the same.
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
        // A quiet store costs no write; since when something is missing is then a little older than it need be.
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

    /// For `/readyz?verbose`: whether jobs are missing, and how many.
    ///
    /// Anybody may ask there, so no queue is named.
    var findings: [ReadinessFinding] {
        let missing = memory.missing.values.reduce(0, +)
        let advice = "\(missing) jobs that Redis had acknowledged are missing; run martlet doctor"
        return [Checkup("possible loss", missing > 0 ? .bad : .good, "\(missing)", advice).finding]
    }

    /// How many jobs this process saw missing, and how many of those nobody has accepted.
    var samples: [MetricSample] {
        let (total, open) = state.withLock { ($0.total, $0.memory.missing) }
        func sample(_ name: String, _ kind: MetricSample.Kind, _ queue: String, _ value: Int) -> MetricSample {
            MetricSample(name, kind: kind, labels: ["queue": queue], value: Double(value))
        }
        return total.map { sample("martlet_possible_loss_total", .counter, $0.key, $0.value) }
            + open.map { sample("martlet_possible_loss_jobs", .gauge, $0.key, $0.value) }
    }
}

/// The losses that the server of a state directory has noticed, for `martlet doctor`.
enum LossCheckup {
    /// A line for each of them; without a directory none.
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

    /// Accepts what was noticed until now: the server forgets it at its next look.
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
