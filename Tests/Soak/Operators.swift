// Operators pause, resume, cancel, retry and reprioritise at random, and record the answers.

import FaultInjection
import FoundationEssentials
import MartletQueue
import NIOHTTP1
import Synchronization

/// One request of an operator about a job.
struct Order: Sendable {
    var verb: String
    var id: String
    var from: Int
    var to: Int
    /// The status of the answer; `nil` without one.
    var status: Int?
    var job: JobAnswer?
}

/// All operators of a run.
final class Operators: Sendable {
    private let installation: Installation
    private let producers: Producers
    private let web: Web
    private let journal: LineLog
    private let random: Mutex<SeededRandom>
    private let done = Mutex<[Order]>([])

    init(_ installation: Installation, _ producers: Producers, _ web: Web, seed: UInt64) throws {
        self.installation = installation
        self.producers = producers
        self.web = web
        journal = try LineLog(installation.directory + "/operators.journal")
        random = Mutex(SeededRandom(seed))
    }

    var orders: [Order] { done.withLock { $0 } }

    /// Runs three operators, each with a few requests a second, until `end`.
    func run(until end: Int) async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<3 {
                group.addTask {
                    while monotonic() < end {
                        if self.roll(30) == 0 { await self.steerQueue() } else { await self.steerJob() }
                        await nap(150 + self.roll(200))
                    }
                }
            }
        }
    }

    private func roll(_ count: Int) -> Int { random.withLock { Int.random(in: 0..<count, using: &$0) } }

    private func server() -> String { installation.servers[roll(installation.servers.count)].url }

    private func steerJob() async {
        guard let (id, queue) = producers.someJob(roll(1000)) else { return }
        let verbs = ["cancel", "pause", "resume", "resume", "retry", "retry", "run", "priority"]
        let verb = verbs[roll(verbs.count)]
        let url = "\(server())/api/v1/jobs/\(id)"
        let start = monotonic()
        let answer =
            if verb == "priority" {
                await web.send(.PATCH, "\(url)?queue=\(queue)", body: Data(#"{"priority":\#(roll(20) - 10)}"#.utf8))
            } else {
                await web.send(.POST, "\(url)/\(verb)?queue=\(queue)")
            }
        var order = Order(verb: verb, id: id, from: start, to: monotonic())
        if case .status(let status, let body) = answer {
            order.status = status
            order.job = try? JSONDecoder().decode(JobAnswer.self, from: body)
        }
        done.withLock { $0.append(order) }
        journal.write(verb, id, "\(order.from)", "\(order.to)", order.status.map(String.init) ?? "unknown")
    }

    private func steerQueue() async {
        let url = "\(server())/api/v1/queues/\(Installation.queues[roll(Installation.queues.count)])"
        if roll(2) == 0 {
            _ = await web.send(.POST, url + "/pause")
            await nap(300 + roll(700))
            _ = await web.send(.POST, url + "/resume")
        } else {
            _ = await web.send(.PUT, url, body: Data(#"{"concurrency":\#(1 + roll(6))}"#.utf8))
            await nap(300 + roll(700))
            _ = await web.send(.PUT, url, body: Data(#"{"concurrency":0}"#.utf8))
        }
        journal.write("queue", url, "\(monotonic())")
    }
}
