// Scenarios about what jobs keep of their past, and about the groups of errors.

import FoundationEssentials
import MartletJobs
import MartletRedis

@testable import MartletQueue

extension Scenario {
    private static let day = 86_400_000

    static let ofHistory = [
        Scenario(name: "a job keeps its last ten attempts") { real in
            let job = NewJob(type: "test", payload: [1], maxRetries: 20)
            _ = try await real.queue.enqueue(job)
            for number in 1...12 { try await real.fail("attempt \(number)", number) }
            let attempts = try await real.queue.job(job.id)?.attempts ?? []
            let stored = try await real.command("HGET", real.key("job:\(job.id)"), "h").string ?? ""
            guard stored.split(separator: "\u{1E}").count == 10 else { return false }
            return attempts.map(\.error) == (3...12).reversed().map { "attempt \($0)" }
        },
        Scenario(name: "an error with separators is one attempt") { real in
            _ = try await real.queue.enqueue(NewJob(id: try JobID(validating: "a"), type: "test", payload: [1]))
            try await real.fail("a\u{1E}b\u{1F}c", 1)
            guard let job = try await real.queue.job(try JobID(validating: "a")) else { return false }
            return job.attempts.map(\.error) == ["a b c"] && job.attempts[0].worker == "w"
        },
        Scenario(name: "a large payload is not kept, only its size") { real in
            let job = NewJob(type: "test", payload: [UInt8](repeating: 0x20, count: 5000))
            _ = try await real.queue.enqueue(job)
            _ = try await real.queue.edit(job.id, payload: [1])
            _ = try await real.queue.edit(job.id, payload: [2])
            let earlier = try await real.queue.job(job.id)?.earlierPayloads ?? []
            return earlier.map(\.payload) == [[1], nil] && earlier.map(\.size) == [1, 5000]
        },
        Scenario(name: "failures of one call are counted, and those of later ones") { real in
            for _ in 0..<3 { _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1], maxRetries: 0)) }
            let jobs = try await real.queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 3)).jobs
            let ends = jobs.map { Settlement(id: $0.id, token: $0.token, outcome: .failedForGood(error: "order 7")) }
            _ = try await real.queue.settle(Array(ends.prefix(2)))
            _ = try await real.queue.settle(Array(ends.suffix(1)))
            guard let group = try await real.queue.errorGroups().first else { return false }
            return group.total == 3 && ErrorGroup.Window.allCases.allSatisfy { group.counts[$0] == 3 }
        },
        Scenario(name: "old slots and old groups are forgotten") { real in
            try await real.fails("order 7", 1)
            try await real.fails("gone", 2)
            try await real.setClock(RealStore.start + 8 * day)
            guard try await real.queue.errorGroups().isEmpty else { return false }
            try await real.fails("order 8", 3)
            let name = ErrorFingerprint.of("order 7") + " test"
            let known = try await real.command("HGET", real.key("error_groups"), name).string ?? ""
            guard known.split(separator: "\n")[2].split(separator: " ").count == 1 else { return false }
            try await real.fails("another", 4)
            return try await real.command("ZCARD", real.key("errors")).int == 2
        },
        Scenario(name: "a slot has one sample, as its first sweep found it, if something has changed or nobody looked")
        { real in
            // What sweeps at these ms leave in the ring of seconds: how long it was quiet, and how many were pushed.
            for offset in [0, 500, 1200, 2300, 3300, 9400, 10_400] {
                try await real.setClock(RealStore.start + offset)
                _ = try await real.queue.sweep()
                if offset == 0 { _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1])) }
            }
            guard try await real.samples("history_1s") == ["0 0 0", "1200 700 1", "9400 6100 1"] else { return false }
            return try await real.samples("history_1m") == ["0 0 0"]
        },
        Scenario(name: "after the clock went back samples go on, and the wrong ones do not count") { real in
            for (offset, jobs) in [(0, 1), (1000, 1), (90_000, 1), (91_000, 1), (2500, 1), (3500, 1), (4500, 0)] {
                try await real.setClock(RealStore.start + offset)
                _ = try await real.queue.sweep()
                for _ in 0..<jobs { _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1])) }
            }
            try await real.setClock(RealStore.start + 4600)
            let history = try await real.queue.history(
                step: .seconds(1), from: Date(milliseconds: RealStore.start))
            return history?.points.map(\.queued) == [1, nil, 4, 5]
        },
        Scenario(name: "times of jobs are in every ring, summed by type and all together") { real in
            for offset in [0, 5000, 15_000, 65_000, 605_000] {
                try await real.setClock(RealStore.start + offset)
                try await real.report(["mail": 1, "bill": 2])
            }
            for number in 0..<30 { try await real.report(["type \(number)": 1]) }
            guard try await real.ids("times_10s") == [0, 10_000, 60_000],
                try await real.ids("times_1m") == [0, 60_000],
                try await real.ids("times_10m") == [0]
            else { return false }
            let fields = try await real.command("HKEYS", real.key("times")).array?.compactMap(\.string) ?? []
            guard fields.count(where: { $0.hasPrefix("1 ") }) == 21 else { return false }
            try await real.setClock(RealStore.start + 1_200_000)
            for (type, count) in [(nil, 45), ("mail", 5), ("bill", 10)] as [(String?, Int)] {
                for step in [60, 600] {
                    let history = try await real.queue.history(step: .seconds(step), type: type)
                    let found = history?.points.reduce(0) { $0 + ($1.run?.count ?? 0) }
                    if found != count { return false }
                }
            }
            return true
        },
        Scenario(name: "a queue keeps 200 groups, each with its description") { real in
            for round in 0..<2 {
                for _ in 0..<101 { _ = try await real.queue.enqueue(NewJob(type: "test", payload: [1])) }
                let request = ClaimRequest(worker: "w", number: round + 1, upTo: 101)
                let jobs = try await real.queue.claim(request).jobs
                let ends = jobs.enumerated().map { index, job in
                    let word = String(repeating: "z", count: index + 101 * round + 1)
                    return Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: word))
                }
                _ = try await real.queue.settle(ends)
            }
            let groups = try await real.command("ZCARD", real.key("errors")).int
            return try await real.command("HLEN", real.key("error_groups")).int == 200 && groups == 200
        },
        Scenario(name: "crashes and poison are in groups whose fingerprint the job has") { real in
            let job = NewJob(type: "test", payload: [1])
            _ = try await real.queue.enqueue(job)
            for number in 1...3 {
                let claimed = try await real.queue.claim(
                    ClaimRequest(worker: "w", number: number, upTo: 1, lastChances: 1)
                ).jobs
                let outcome = Settlement.Outcome.crashed(retryAfter: .zero, error: "signal 11")
                _ = try await real.queue.settle(
                    claimed.map { Settlement(id: $0.id, token: $0.token, outcome: outcome, worker: "w") })
                let print = try await real.queue.job(job.id)?.errorFingerprint
                let groups = try await real.queue.errorGroups()
                guard groups.contains(where: { $0.fingerprint == print && $0.lastJob == job.id.description }) else {
                    return false
                }
            }
            return try await real.queue.job(job.id)?.attempts.map(\.outcome) == [.crashed, .crashed, .crashed]
        },
        Scenario(name: "poison of dead workers is in a group, and its attempts are lost") { real in
            try await real.queue.configure(QueueSettingsChange(lease: .milliseconds(50)))
            let job = NewJob(type: "test", payload: [1])
            _ = try await real.queue.enqueue(job)
            for number in 1...3 {
                try await real.setClock(RealStore.start + 1000 * number)
                let request = ClaimRequest(worker: "w", number: number, upTo: 1, lastChances: 1)
                guard try await real.queue.claim(request).jobs.count == 1 else { return false }
                _ = try await real.queue.sweep()
                try await real.setClock(RealStore.start + 1000 * number + 500)
                _ = try await real.queue.sweep()
            }
            guard let now = try await real.queue.job(job.id), now.state == .failed else { return false }
            let groups = try await real.queue.errorGroups()
            return groups.map(\.fingerprint) == [now.errorFingerprint]
                && now.attempts.map(\.outcome) == [.lost, .lost, .lost]
        },
    ]
}

extension RealStore {
    /// Fails the head of the line.
    fileprivate func fail(_ error: String, _ number: Int) async throws {
        let job = try await claim(number)
        let outcome = Settlement.Outcome.failed(retryAfter: .zero, error: error)
        _ = try await queue.settle([Settlement(id: job.id, token: job.token, outcome: outcome, worker: "w")])
    }

    /// Of each sample of a ring: ms since the start, how long nobody had swept, and how many jobs were ever pushed.
    fileprivate func samples(_ ring: String) async throws -> [String] {
        let entries = try await command("XRANGE", key(ring), "-", "+").array ?? []
        return entries.compactMap(HistorySample.init).map { "\($0.at - Self.start) \($0.quiet) \($0.numbers[0])" }
    }

    /// When the entries of a ring begin, in ms since the start.
    fileprivate func ids(_ ring: String) async throws -> [Int] {
        let entries = try await command("XRANGE", key(ring), "-", "+").array ?? []
        return entries.compactMap { $0.array?.first?.string?.split(separator: "-").first }
            .compactMap { Int($0).map { $0 - Self.start } }
    }

    /// Sends a heartbeat with so many runs of each type.
    fileprivate func report(_ runs: [String: Int]) async throws {
        let logs = runs.mapValues { count in
            let times = TypeTimes()
            for _ in 0..<count { times.ran(.milliseconds(5)) }
            return times
        }
        try await queue.report(TimeReport(logs))
    }

    /// Pushes a job that fails for good.
    fileprivate func fails(_ error: String, _ number: Int) async throws {
        _ = try await queue.enqueue(NewJob(type: "test", payload: [1], maxRetries: 0))
        try await fail(error, number)
    }
}
