// What each level of durability costs, as ratios within one run; only when MARTLET_MEASURE is set.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["MARTLET_MEASURE"] != nil, "it measures"))
struct DurabilityCosts {
    private struct Variant {
        var name: String
        var durability: Durability
        var queue: Queue
        var rates: [Double] = []

        var median: Double { rates.isEmpty ? 0 : rates.sorted()[rates.count / 2] }
    }

    @Test func `the cost of a push at each level`() async throws {
        func server(_ sync: String) async throws -> PrivateRedisServer {
            try await PrivateRedisServer.start(
                directory: temporaryDirectory(sync), options: ["--appendonly", "yes", "--appendfsync", sync])
        }
        let (everysec, always) = (try await server("everysec"), try await server("always"))
        let pair = try await ReplicaPair.start(options: ["--appendonly", "yes", "--appendfsync", "everysec"])
        try await withStore(url: everysec.url) { first in
            try await withStore(url: always.url) { second in
                try await withStore(url: pair.primary.url) { third in
                    for tasks in [1, 16, 100] {
                        try await Self.measure(
                            [
                                Variant(name: "memory", durability: .memory, queue: first.queue()),
                                Variant(name: "memory, appendfsync always", durability: .memory, queue: second.queue()),
                                Variant(name: "fsync, appendfsync always", durability: .fsync, queue: second.queue()),
                                Variant(name: "memory, one replica", durability: .memory, queue: third.queue()),
                                Variant(name: "replicated, one replica", durability: .replicated, queue: third.queue()),
                            ], tasks)
                    }
                }
            }
        }
        for server in [everysec, always] { await server.stop() }
        await pair.stop()
    }

    /// In turns, so that what else the machine does hits all of them.
    private static func measure(_ arms: [Variant], _ tasks: Int) async throws {
        var arms = arms
        for _ in 0..<5 {
            for index in arms.indices {
                let count = tasks == 1 ? 150 : 30 * tasks
                let start = ContinuousClock.now
                try await push(count, arms[index].durability, to: arms[index].queue, tasks)
                arms[index].rates.append(Double(count) / ((ContinuousClock.now - start) / .seconds(1)))
            }
        }
        for arm in arms {
            let ratio = (arms[0].median / arm.median * 10).rounded() / 10
            print("\(tasks) tasks, \(arm.name): \(Int(arm.median)) pushes/s, memory is \(ratio) times as fast")
        }
    }

    private static func push(_ count: Int, _ durability: Durability, to queue: Queue, _ tasks: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    for _ in 0..<(count / tasks) {
                        let pushed = try await queue.enqueue(job(), durability: durability)
                        guard pushed.durability == .confirmed(durability) else {
                            throw NeverHappened(description: "\(pushed.durability.reason ?? "") for \(durability)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
