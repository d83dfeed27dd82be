// Very many jobs at once: what a script costs then, and what others notice of it.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

/// With `MARTLET_MEASURE` the second test takes a million jobs instead of fifty thousand, and both say what they saw.
private let measures = ProcessInfo.processInfo.environment["MARTLET_MEASURE"] != nil

@Suite(.serialized, .needsCleanLine("the servers are its own")) struct ScaleTests {
    @Test func `resuming 100 000 jobs is a short script, wakes 64 workers and keeps the order`()
        async throws
    {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("scale"))
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            try await queue.pause()
            var first: [JobID] = []
            for slice in 0..<10 {
                let jobs = (0..<10_000).map { _ in job() }
                if slice == 0 { first = jobs.prefix(100).map(\.id) }
                #expect(try await queue.enqueueAtomically(jobs) == .accepted(jobs.map { _ in .created(.queued) }))
            }
            // A claim that finds the queue paused takes away what tokens there are.
            #expect(try await harness.claim(from: queue).isEmpty)
            let waiting = Task { try await queue.waitForWork(atMost: .seconds(60)) }
            try await eventually("it waits") {
                let clients = try await harness.command("INFO", "clients").informationFields
                return clients["blocked_clients"] == "1"
            }
            try await harness.watchScripts()
            let before = try await harness.executedCommands()
            let start = ContinuousClock.now
            try await queue.resume()
            let resumed = ContinuousClock.now - start
            #expect(try await harness.executedCommands() - before < 1000, "it touches no job by itself")
            #expect(try await waiting.value, "who waits is woken")
            let tokens = try await harness.command("LLEN", harness.key("wake")).int ?? 0
            #expect((1...64).contains(tokens))
            let claimed = try await harness.claim(100, from: queue)
            let firstClaim = ContinuousClock.now - start
            #expect(claimed.map(\.id) == first)
            // All at once, as after the end of a pause.
            try await withThrowingTaskGroup(of: Int.self) { group in
                for worker in 0..<50 {
                    group.addTask { try await harness.claim(100, from: queue, worker: "w\(worker)").count }
                }
                for try await count in group { #expect(count == 100) }
            }
            let longest = try await harness.longestScript()
            #expect(longest < .seconds(1))
            if measures { print("resume \(resumed), first claim \(firstClaim), \(tokens) tokens, longest \(longest)") }
            // The audit of all of them belongs to other tests.
            try await harness.command("FLUSHALL")
        }
        await server.stop()
    }

    @Test func `claims continue while very many finished jobs are removed`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("finals"), options: ["--hash-max-listpack-value", "1024"])
        try await withStore(url: server.url) { harness in
            let (queue, total) = (harness.queue(), measures ? 1_000_000 : 50_000)
            func keep(_ age: Duration) async throws {
                try await queue.configure(
                    QueueSettingsChange(completed: Retention(age: age, count: 10_000_000)))
            }
            try await queue.create()
            try await keep(.seconds(86_400))
            for _ in 0..<(total / 10_000) { try await harness.makeFinished(10_000) }
            #expect(try await queue.status()?.jobs[.completed] == total)
            let calm = try await Self.turns(600, in: harness)
            // From now on they are too old.
            try await keep(.seconds(60))
            try await harness.watchScripts()
            let start = ContinuousClock.now
            let sweeping = Task {
                while try await queue.sweep().more {}
                return ContinuousClock.now - start
            }
            let busy = try await Self.turns(600, in: harness)
            let removal = try await sweeping.value
            let longest = try await harness.longestScript()
            #expect(try await queue.status()?.jobs[.completed] ?? 0 <= 1200, "only what the turns made is left")
            // A script that removes all of them takes seconds, and Redis does nothing else meanwhile.
            #expect(longest < .seconds(1) && busy.p99 < .seconds(1))
            if measures {
                print("\(total) removed in \(removal), longest script \(longest)")
                print("claims alone \(calm.p50), p99 \(calm.p99); meanwhile \(busy.p50), p99 \(busy.p99)")
            }
        }
        await server.stop()
    }

    /// Pushes, claims and settles so many jobs one after the other; how long the claims took.
    private static func turns(_ count: Int, in harness: QueueHarness) async throws -> (p50: Duration, p99: Duration) {
        var times: [Duration] = []
        for number in 0..<count {
            _ = try await harness.queue().enqueue(job())
            let start = ContinuousClock.now
            let claimed = try await harness.claim(from: harness.queue(), worker: "t\(number % 10)")
            times.append(ContinuousClock.now - start)
            _ = try await harness.queue().settle(claimed.map(\.completion))
        }
        times.sort()
        return (times[count / 2], times[count * 99 / 100])
    }
}

extension QueueHarness {
    /// Has Redis keep the times of its slowest commands from now on.
    fileprivate func watchScripts() async throws {
        try await command("CONFIG", "SET", "slowlog-log-slower-than", "500")
        try await command("CONFIG", "SET", "slowlog-max-len", "100000")
        try await command("SLOWLOG", "RESET")
    }

    /// How long the longest command since then took; half a millisecond when none took longer.
    fileprivate func longestScript() async throws -> Duration {
        let entries = try await command("SLOWLOG", "GET", "-1").array ?? []
        return .microseconds(entries.compactMap { $0.array?.dropFirst(2).first?.int }.max() ?? 500)
    }

    /// How many commands Redis has executed, those of scripts included.
    fileprivate func executedCommands() async throws -> Int {
        let counts = try await command("INFO", "commandstats").informationFields.values
        return counts.compactMap { $0.prefix { $0 != "," }.split(separator: "=").last.flatMap { Int($0) } }.reduce(0, +)
    }

    /// Puts completed jobs of an hour ago into the queue as it would keep them itself.
    fileprivate func makeFinished(_ count: Int) async throws {
        let source = """
            local t = redis.call('TIME')
            local at, from = t[1] * 1000 - 3600000, redis.call('ZCARD', KEYS[2])
            for i = from + 1, from + ARGV[1] do
                local id = string.format('f%024d', i)
                redis.call('ZADD', KEYS[2], at, id)
                redis.call('HSET', KEYS[1] .. id, 't', 'test', 'p', '{}', 'k', '-1:0123456789abcdef', 'at', at)
            end
            redis.call('HINCRBY', KEYS[3], 'created', ARGV[1])
            redis.call('HINCRBY', KEYS[3], 'completed', ARGV[1])
            """
        try await command("EVAL", source, "3", key("job:"), key("completed"), key("meta"), "\(count)")
    }
}
