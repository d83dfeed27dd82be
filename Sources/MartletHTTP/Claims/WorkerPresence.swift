// Keeps workers over HTTP in the lists of workers: they report nothing by themselves while they wait.

import FoundationEssentials
import Logging
import MartletJSON
import MartletJobs
import MartletQueue
import Synchronization

/// The workers over HTTP that this server has heard of.
final class WorkerPresence: Sendable {
    private struct Entry {
        var card: WorkerCard?
        var queues: Set<QueueName> = []
        var slots = 1
        var startedAt = Date()
        var seen = ContinuousClock.now
        /// When each queue was last told.
        var told: [QueueName: ContinuousClock.Instant] = [:]
    }

    /// How often a queue is told of a worker that claims.
    private static let interval = Duration.seconds(5)
    /// The most workers that are remembered.
    private static let limit = 10_000
    /// The most job ids in one report.
    private static let jobLimit = 50

    private let store: JobStore
    private let leases: LeaseTable
    private let logger: Logger
    private let entries = Mutex<[ClaimHolder: Entry]>([:])

    init(store: JobStore, leases: LeaseTable, logger: Logger) {
        self.store = store
        self.leases = leases
        self.logger = logger
    }

    /// A worker claims: tells its queues, each at most every few seconds, without keeping the claim waiting.
    func claims(_ order: ClaimOrder, _ holder: ClaimHolder) {
        guard let worker = order.worker else { return }
        let names = order.queues.map(\.name)
        let due = note(holder) { entry in
            entry.card = order.card ?? entry.card
            entry.queues.formUnion(names)
            entry.slots = order.most
            let now = ContinuousClock.now
            let due = names.filter { name in entry.told[name].map { now - $0 >= Self.interval } ?? true }
            for name in due { entry.told[name] = now }
            return due
        }
        guard !due.isEmpty else { return }
        Task { [store, logger] in
            for name in due {
                let info = info(of: holder, in: name, state: "running")
                do throws(QueueError) {
                    _ = try await store.queue(name).heartbeat(worker: worker, info: info, [])
                } catch {
                    logger.debug(
                        "worker not reported",
                        metadata: ["worker_id": "\(worker)", "queue": "\(name)", "error": "\(error)"])
                }
            }
        }
    }

    /// Goes on telling the queues of a worker that waits, until the task is cancelled.
    func keep(_ order: ClaimOrder, _ holder: ClaimHolder) async {
        guard order.worker != nil else { return }
        while (try? await Task.sleep(for: Self.interval)) != nil { claims(order, holder) }
    }

    /// A worker has sent a heartbeat; answers the queues that it is known at.
    func heartbeat(_ holder: ClaimHolder, card: WorkerCard?, queues: Set<QueueName>) -> Set<QueueName> {
        note(holder) { entry in
            entry.card = card ?? entry.card
            entry.queues.formUnion(queues)
            for name in entry.queues { entry.told[name] = .now }
            return entry.queues
        }
    }

    /// Forgets a worker.
    func remove(_ holder: ClaimHolder) { entries.withLock { $0[holder] = nil } }

    private func note<Value>(_ holder: ClaimHolder, _ change: (inout Entry) -> Value) -> Value {
        entries.withLock { entries in
            var entry = entries[holder] ?? Entry()
            entry.seen = .now
            defer {
                if entries.count >= Self.limit {
                    let old = ContinuousClock.now - .seconds(60)
                    entries = entries.filter { $0.value.seen > old }
                }
                if entries.count < Self.limit { entries[holder] = entry }
            }
            return change(&entry)
        }
    }

    /// Whether a worker was reported for this caller.
    static func isReported(_ report: WorkerReport, of holder: ClaimHolder) -> Bool {
        guard report.worker == holder.worker, let info = try? JSONText(report.info) else { return false }
        return info.members?.contains { $0.key == "caller" && $0.value.string == holder.caller } ?? false
    }

    /// The JSON object that a queue keeps of a worker; the names are those of worker processes.
    ///
    /// - Parameters:
    ///   - jobs: the jobs that the worker says it runs; `nil` takes the number that it was handed.
    func info(of holder: ClaimHolder, in queue: QueueName, state: String, jobs: [JobID]? = nil) -> String {
        let entry = entries.withLock { $0[holder] } ?? Entry()
        let card = entry.card
        let ids = (jobs ?? []).prefix(Self.jobLimit).map { JSONOutput.string($0.description) }
        let busy = jobs?.count ?? leases.busy(holder, in: queue)
        let json = JSONOutput.object([
            "host": .string(card?.host ?? ""), "pid": card?.processID.map { .int($0) },
            "language": card?.language.map { .string($0) }, "version": .string(card?.version ?? ""),
            "queues": .array(entry.queues.sorted().map { .string($0.description) }), "state": .string(state),
            "slots": .int(max(entry.slots, busy)), "busy": .int(busy), "leaked": 0, "jobs": .array(ids),
            "started_at": .time(entry.startedAt), "over": "http", "caller": .string(holder.caller),
        ])
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
