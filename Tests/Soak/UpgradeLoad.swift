// The load of an upgrade: each version pushes jobs of all kinds, and no push may be refused.

import FaultInjection
import FoundationEssentials
import MartletJobs
import MartletQueue
import Synchronization

/// Pushes with the library of one version.
final class UpgradePusher: Sendable {
    private struct State {
        var random: SeededRandom
        var pushes = Pushes()
        var count = 0
    }

    private let version: Version
    private let store: JobStore?
    private let rate: Int
    private let state: Mutex<State>

    init(_ version: Version, _ store: JobStore?, seed: UInt64, rate: Int) {
        self.version = version
        self.store = store
        self.rate = max(1, rate)
        state = Mutex(State(random: SeededRandom(version == .later ? seed &+ 1 : seed)))
    }

    var pushes: Pushes { state.withLock { $0.pushes } }

    /// Which version made the push with this number.
    static func version(ofPush number: Int) -> Version { number.isMultiple(of: 2) ? .current : .later }

    func run(until isOver: @Sendable () -> Bool) async {
        while !isOver(), !Task.isCancelled {
            let (queue, jobs, numbers) = state.withLock { Self.next(version, &$0) }
            await push(jobs, numbers, to: queue)
            await nap(jobs.count * 1000 / rate)
        }
    }

    private func push(_ jobs: [NewJob], _ numbers: [Int], to name: QueueName) async {
        guard let queue = store?.queue(name) else { return }
        do {
            let verdicts =
                jobs.count == 1 ? [try await queue.enqueue(jobs[0])] : try await queue.enqueue(jobs)
            let now = monotonic()
            state.withLock { state in
                for (verdict, (job, number)) in zip(verdicts, zip(jobs, numbers)) {
                    if case .created = verdict {
                        state.pushes.acked["\(job.id)"] = (number, name, now)
                    } else {
                        state.pushes.wrong.append("push \(number) of \(version): \(verdict)")
                    }
                }
            }
        } catch {
            state.withLock { $0.pushes.wrong.append("pushes \(numbers) of \(version): \(error)") }
        }
    }

    /// Makes the next push: one job, or up to twelve.
    private static func next(_ version: Version, _ state: inout State) -> (QueueName, [NewJob], [Int]) {
        let isBulk = Int.random(in: 0..<10, using: &state.random) > 6
        let count = isBulk ? Int.random(in: 2...12, using: &state.random) : 1
        let queue = Installation.queues[Int.random(in: 0..<Installation.queues.count, using: &state.random)]
        let numbers = (0..<count).map { (state.count + $0) * 2 + (version == .later ? 1 : 0) }
        state.count += count
        state.pushes.attempted.formUnion(numbers)
        return (queue, numbers.map { job($0, &state.random) }, numbers)
    }

    /// A job: most are common, others have a key, a delay, labels, or end otherwise.
    private static func job(_ n: Int, _ random: inout SeededRandom) -> NewJob {
        let dice = Int.random(in: 0..<100, using: &random)
        let behaviour: SoakJob.Behaviour = dice < 10 ? .once : dice < 13 ? .never : dice < 18 ? .later : .fine
        let payload = SoakJob(n: n, ms: Int.random(in: 1...30, using: &random), behaviour: behaviour)
        var job = NewJob(type: SoakJob.name, payload: Array((try? JSONEncoder().encode(payload)) ?? Data()))
        if dice.isMultiple(of: 2) { job.priority = Int.random(in: -5...5, using: &random) }
        if dice.isMultiple(of: 3) { job.delay = .milliseconds(Int.random(in: 50...900, using: &random)) }
        if dice.isMultiple(of: 5) { job.uniqueKey = "key-\(n)" }
        if dice.isMultiple(of: 7) { (job.tags, job.metadata) = (["upgrade"], ["n": "\(n)"]) }
        job.maxRetries = behaviour == .never ? 1 : 3
        job.retryPolicy = .fixed(.milliseconds(200))
        return job
    }
}

extension Pushes {
    mutating func add(_ other: Pushes) {
        attempted.formUnion(other.attempted)
        acked.merge(other.acked) { one, _ in one }
        wrong += other.wrong
    }
}
