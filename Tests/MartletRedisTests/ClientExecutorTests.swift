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
        try await withSharedClient { (client) async throws in
            let done = Tally()
            let answers = Tally()
            let all = await Task(executorPreference: client.executor) {
                (0..<5000).map { number in
                    Task(executorPreference: client.executor) {
                        guard answers.all.isEmpty else { return }
                        spin(for: .milliseconds(1))
                        done.add(number)
                    }
                }
            }.value
            #expect(try await client.ask("PING").string == "PONG")
            answers.add(1)
            for task in all { await task.value }
            // The reply did not wait for the five seconds that they would take.
            #expect(done.all.count < 5000)
        }
    }

    /// While one of two computes, the pause of the other is over: a pause alone would let neither connection read.
    @Test func `tasks that compute for two connections of one thread starve neither`() async throws {
        let configuration = try await SharedRedis.configuration()
        try await withSharedClient { (client) async throws in
            let second = RedisClient(configuration, beside: client, logger: silent)
            let running = Task { try await second.run() }
            defer { running.cancel() }
            try await second.waitUntilConnected(within: .seconds(30))
            let done = Tally()
            let answers = Tally()
            let all = await Task(executorPreference: client.executor) {
                (0..<5000).map { number in
                    Task(executorPreference: number.isMultiple(of: 2) ? client.executor : second.executor) {
                        guard answers.all.count < 2 else { return }
                        spin(for: .milliseconds(1))
                        done.add(number)
                    }
                }
            }.value
            for (number, client) in [client, second].enumerated() {
                let reply = try? await client.ask("PING").string
                #expect(reply == "PONG")
                answers.add(number)
            }
            for task in all { await task.value }
            #expect(done.all.count < 1000, "the replies waited for tasks that had nothing to do with them")
        }
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
