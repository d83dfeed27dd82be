// Tasks on a connection's thread: they stay there, run in order, and do not starve the connection.

import MartletEventLoop
import MartletRedis
import Synchronization
import TestSupport
import Testing

/// Numbers in the order in which they came.
private final class Tally: Sendable {
    private let numbers = Mutex<[Int]>([])

    var all: [Int] { numbers.withLock { $0 } }

    func add(_ number: Int) { numbers.withLock { $0.append(number) } }
}

@Suite struct ClientExecutorTests {
    @Test func `a task stays on the thread while it sends and waits`() async throws {
        try await withSharedClient { (client) async throws in
            let key = uniquePrefix()
            let stayed = await Task(executorPreference: client.executor) {
                let home = thisThread()
                var stayed = true
                for number in 1...50 {
                    let count = try? await client.ask("INCR", key).int
                    stayed = stayed && count == number && thisThread() == home
                    let results = await client.send([.command("PING"), .command("PING")])
                    stayed = stayed && results.count == 2 && thisThread() == home
                }
                return stayed
            }.value
            #expect(stayed)
        }
    }

    @Test func `tasks begin in the order in which they came`() async throws {
        try await withSharedClient { (client) async throws in
            let order = Tally()
            let all = Task(executorPreference: client.executor) {
                let tasks = (0..<500).map { number in
                    Task(executorPreference: client.executor) { order.add(number) }
                }
                for task in tasks { await task.value }
            }
            await all.value
            #expect(order.all == Array(0..<500))
        }
    }

    @Test func `many tasks that compute do not starve the connection`() async throws {
        var fewest = Int.max
        // A machine that stands still meanwhile spoils one round; a connection that starves spoils all.
        for _ in 0..<6 where fewest >= 5000 {
            try await withSharedClient { (client) async throws in
                fewest = min(fewest, try await Self.computed(beside: [client]))
            }
        }
        // The reply did not wait for the five seconds that they would take.
        #expect(fewest < 5000)
    }

    /// How many of 5000 tasks have computed for a millisecond, on the threads of clients, before each has had a reply.
    private static func computed(beside clients: [RedisClient]) async throws -> Int {
        let done = Tally()
        let answers = Tally()
        let all = await Task(executorPreference: clients[0].executor) {
            (0..<5000).map { number in
                Task(executorPreference: clients[number % clients.count].executor) {
                    guard answers.all.count < clients.count else { return }
                    spin(for: .milliseconds(1))
                    done.add(number)
                }
            }
        }.value
        for (number, client) in clients.enumerated() {
            #expect(try await client.ask("PING").string == "PONG")
            answers.add(number)
        }
        for task in all { await task.value }
        return done.all.count
    }

    /// While one of two computes, the pause of the other is over: a pause alone would let neither connection read.
    @Test func `tasks that compute for two connections of one thread starve neither`() async throws {
        let configuration = try RedisConfiguration.patient(url: try await SharedRedis.url())
        var fewest = Int.max
        for _ in 0..<6 where fewest >= 1000 {
            try await withSharedClient { (client) async throws in
                let second = RedisClient(configuration, beside: client, logger: silent)
                let running = Task { try await second.run() }
                defer { running.cancel() }
                try await second.waitUntilConnected(within: .seconds(30))
                fewest = min(fewest, try await Self.computed(beside: [client, second]))
            }
        }
        #expect(fewest < 1000, "the replies waited for tasks that had nothing to do with them")
    }

    @Test func `a call comes at its time and on the thread`() async throws {
        try await withSharedClient { (client) async throws in
            let home = await Task(executorPreference: client.executor) { thisThread() }.value
            let due = ContinuousClock.now + .milliseconds(30)
            let isHome: Bool = await withCheckedContinuation { continuation in
                client.eventLoop.call(at: due) { continuation.resume(returning: thisThread() == home) }
            }
            #expect(isHome)
            #expect(ContinuousClock.now >= due)
        }
    }
}
