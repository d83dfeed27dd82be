// Producers push over HTTP with idempotency keys, record the answers, and repeat unknown requests until they are answered.

import FaultInjection
import FoundationEssentials
import MartletJobs
import MartletQueue
import NIOHTTP1
import Synchronization

/// What producers know when a run ends.
struct Pushes: Sendable {
    /// The numbers of all jobs of which a push was attempted.
    var attempted: Set<Int> = []
    /// The acknowledged jobs by id: number, queue, and the time of the answer.
    var acked: [String: (n: Int, queue: QueueName, at: Int)] = [:]
    /// The number of requests whose outcome was unknown at least once, and of those that were answered later.
    var unknown = 0
    var resolved = 0
    /// The number of requests that were answered as not executed at least once.
    var notExecuted = 0
    /// The requests that were never answered.
    var unanswered: [String] = []
    /// Invalid answers.
    var wrong: [String] = []
}

/// One request to push.
private struct PushOrder: Sendable {
    struct Item: Encodable {
        var type = SoakJob.name
        var queue: String
        var payload: SoakJob
        var priority: Int
        var delay_seconds: Double
        var max_retries: Int
        var backoff = ["base_seconds": 0.2, "factor": 1]
    }

    struct Bulk: Encodable {
        var jobs: [Item]
        var atomic: Bool
    }

    var key: String
    var numbers: [Int]
    var queue: QueueName
    var isBulk: Bool
    var body: Data
}

/// All producers of a run.
final class Producers: Sendable {
    private struct State {
        var random: SeededRandom
        var number = 0
        var pushes = Pushes()
    }

    private let installation: Installation
    private let web: Web
    private let journal: LineLog
    private let seed: UInt64
    private let state: Mutex<State>

    init(_ installation: Installation, _ web: Web, seed: UInt64) throws {
        self.installation = installation
        self.web = web
        self.seed = seed
        journal = try LineLog(installation.directory + "/producers.journal")
        state = Mutex(State(random: SeededRandom(seed)))
    }

    var pushes: Pushes { state.withLock { $0.pushes } }

    /// One of the latest acknowledged jobs.
    func someJob(_ choice: Int) -> (id: String, queue: QueueName)? {
        let recent = latest.withLock { $0 }
        guard !recent.isEmpty else { return nil }
        return recent[choice % recent.count]
    }

    /// The number of requests without an answer yet.
    private let open = Mutex(0)
    private let latest = Mutex<[(id: String, queue: QueueName)]>([])

    /// Pushes about `rate` jobs a second until `end`, then waits for open requests until `limit`.
    func run(rate: Int, until end: Int, giveUpAt limit: Int) async {
        await withDiscardingTaskGroup { group in
            while monotonic() < end, !Task.isCancelled {
                // Producers do not pile up requests while the service is unavailable.
                if open.withLock({ $0 }) > 80 {
                    await nap(100)
                    continue
                }
                let order = next()
                open.withLock { $0 += 1 }
                group.addTask {
                    await self.deliver(order, until: limit)
                    self.open.withLock { $0 -= 1 }
                }
                await nap(order.numbers.count * 1000 / rate)
            }
        }
    }

    private func next() -> PushOrder {
        state.withLock { state in
            let count =
                Int.random(in: 0..<10, using: &state.random) < 7 ? 1 : Int.random(in: 2...12, using: &state.random)
            let queue = Installation.queues[Int.random(in: 0..<Installation.queues.count, using: &state.random)]
            let first = state.number
            state.number += count
            let numbers = Array(first..<first + count)
            let items = numbers.map { Self.item($0, queue, &state.random) }
            let isBulk = count > 1
            let bulk = PushOrder.Bulk(jobs: items, atomic: Bool.random(using: &state.random))
            let body = isBulk ? try? JSONEncoder().encode(bulk) : try? JSONEncoder().encode(items[0])
            state.pushes.attempted.formUnion(numbers)
            return PushOrder(
                key: "soak-\(seed)-\(first)", numbers: numbers, queue: queue, isBulk: isBulk, body: body ?? Data())
        }
    }

    private static func item(_ n: Int, _ queue: QueueName, _ random: inout SeededRandom) -> PushOrder.Item {
        let dice = Int.random(in: 0..<100, using: &random)
        let behaviour: SoakJob.Behaviour = dice < 10 ? .once : dice < 13 ? .never : dice < 18 ? .later : .fine
        let isLong = Int.random(in: 0..<100, using: &random) < 8
        let time = isLong ? Int.random(in: 1000...3500, using: &random) : Int.random(in: 2...40, using: &random)
        let isLate = Int.random(in: 0..<10, using: &random) == 0
        return PushOrder.Item(
            queue: queue.description, payload: SoakJob(n: n, ms: time, behaviour: behaviour),
            priority: Int.random(in: -5...5, using: &random),
            delay_seconds: isLate ? Double.random(in: 0.2...2, using: &random) : 0,
            max_retries: behaviour == .never ? 1 : 3)
    }

    /// Sends a push repeatedly with the same key until its outcome is known.
    private func deliver(_ order: PushOrder, until limit: Int) async {
        let numbers = order.numbers.map(String.init).joined(separator: ",")
        journal.write("attempt", order.key, "\(monotonic())", numbers)
        var (wasUnknown, wasRefused) = (false, false)
        var server = order.numbers[0]
        let path = order.isBulk ? "/api/v1/jobs/bulk" : "/api/v1/jobs"
        while monotonic() < limit, !Task.isCancelled {
            let url = installation.servers[server % installation.servers.count].url
            let answer = await web.send(.POST, url + path, body: order.body, key: order.key)
            switch verdict(order, answer) {
            case .acked:
                journal.write("acked", order.key, "\(monotonic())")
                return state.withLock { if wasUnknown { $0.pushes.resolved += 1 } }
            case .wrong(let what):
                journal.write("wrong", order.key, "\(monotonic())", what)
                return state.withLock { $0.pushes.wrong.append("\(order.key): \(what)") }
            case .unknown:
                journal.write("unknown", order.key, "\(monotonic())")
                if !wasUnknown { state.withLock { $0.pushes.unknown += 1 } }
                wasUnknown = true
            case .notExecuted:
                journal.write("refused", order.key, "\(monotonic())")
                if !wasRefused { state.withLock { $0.pushes.notExecuted += 1 } }
                wasRefused = true
            }
            server += 1
            await nap(250)
        }
        state.withLock { $0.pushes.unanswered.append(order.key) }
    }

    private enum Verdict {
        case acked, unknown, notExecuted
        case wrong(String)
    }

    private func verdict(_ order: PushOrder, _ answer: Answer) -> Verdict {
        guard case .status(let status, let body) = answer else { return .unknown }
        switch status {
        case 200, 201:
            let ids = order.isBulk ? Self.bulkIDs(body) : Self.singleID(body)
            guard ids.count == order.numbers.count else { return .wrong("\(status) \(Self.text(body))") }
            acknowledge(order, ids)
            return .acked
        case 503:
            return body.firstRange(of: Data(#""outcome":"unknown""#.utf8)) == nil ? .notExecuted : .unknown
        default: return .wrong("\(status) \(Self.text(body))")
        }
    }

    private static func singleID(_ body: Data) -> [String] {
        (try? JSONDecoder().decode(JobAnswer.self, from: body))?.id.map { [$0] } ?? []
    }

    /// The ids of the items in their order; none unless all are in the queue.
    private static func bulkIDs(_ body: Data) -> [String] {
        let results = (try? JSONDecoder().decode(BulkAnswer.self, from: body))?.results ?? []
        let isGood = results.allSatisfy { $0.status == "created" || $0.status == "existing" }
        return isGood ? results.sorted { $0.index ?? 0 < $1.index ?? 0 }.compactMap(\.id) : []
    }

    private static func text(_ body: Data) -> String {
        String(decoding: body.prefix(300), as: UTF8.self).replacing("\n", with: " ")
    }

    private func acknowledge(_ order: PushOrder, _ ids: [String]) {
        let now = monotonic()
        state.withLock { state in
            for (id, n) in zip(ids, order.numbers) { state.pushes.acked[id] = (n, order.queue, now) }
        }
        latest.withLock { latest in
            latest += ids.map { ($0, order.queue) }
            if latest.count > 20 { latest.removeFirst(latest.count - 20) }
        }
    }
}
