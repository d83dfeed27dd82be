// Finding jobs by a filter: what is found, how far one call goes, and what a search costs.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct FindingTests {
    /// Sixty jobs in all states, with values that differ.
    private static func fill(_ queue: Queue, _ harness: QueueHarness) async throws {
        for number in 0..<60 {
            let json = #"{"n":\#(number % 7),"who":{"name":"Person \#(number % 5)"},"list":[\#(number % 3),"x"]}"#
            var job = NewJob(
                type: number % 4 == 0 ? "mail" : "ship", payload: Array(json.utf8), priority: number % 3,
                delay: number % 6 == 5 ? .seconds(3600) : .zero, maxRetries: number % 2)
            job.tags = number % 5 == 0 ? ["blue", "green"] : ["red"]
            job.uniqueKey = number % 20 == 0 ? "key \(number)" : nil
            _ = try await queue.enqueue(job)
        }
        let claimed = try await harness.claim(30, from: queue)
        for (number, job) in claimed.enumerated() {
            switch number % 5 {
            case 0: _ = try await queue.settle(job, .completed(output: nil))
            case 1: _ = try await queue.settle(job, .failedForGood(error: "order \(number) timed out"))
            case 2: _ = try await queue.settle(job, .failed(retryAfter: .seconds(600), error: "no '\(number)'"))
            case 3: _ = try await queue.control(.pause, job.id)
            default: break
            }
        }
        let waiting = try await queue.list(states: [.queued]).jobs.map(\.id)
        _ = try await queue.control(.pause, Array(waiting.prefix(3)))
        _ = try await queue.control(.cancel, Array(waiting.dropFirst(3).prefix(4)))
        try await harness.setLimit("host:a", "c=0", of: queue)
        for number in 0..<9 {
            let json = #"{"n":\#(number),"who":{"name":"Person 3"}}"#
            let type = number.isMultiple(of: 2) ? "mail" : "ship"
            _ = try await queue.enqueue(
                NewJob(type: type, payload: Array(json.utf8), tags: ["red"], limits: ["host:a"]))
        }
    }

    /// All jobs that a filter finds, page by page.
    private static func found(_ filter: JobFilter, _ queue: Queue, limit: Int) async throws -> [JobRecord] {
        var jobs: [JobRecord] = []
        var cursor: JobCursor?
        repeat {
            let page = try await queue.find(filter, after: cursor.flatMap { JobCursor($0.description) }, limit: limit)
            #expect(page.jobs.count <= limit)
            jobs += page.jobs
            cursor = page.next
        } while cursor != nil
        return jobs
    }

    private static func filters(_ some: JobRecord) -> [JobFilter] {
        let make = { (change: (inout JobFilter) -> Void) in
            var filter = JobFilter()
            change(&filter)
            return filter
        }
        let has = { PayloadCondition($0, equals: $1).map { [$0] } ?? [] }
        return [
            make { $0.type = "mail" }, make { $0.tag = "green" }, make { $0.uniqueKey = "key 20" },
            make {
                $0.states = [.retrying]; $0.type = "ship"
            },
            make {
                $0.states = [.scheduled, .failed]; $0.tag = "red"
            },
            make { $0.createdAfter = some.createdAt }, make { $0.createdBefore = some.createdAt },
            make { $0.errorFingerprint = ErrorFingerprint.of("order 1 timed out") },
            make { $0.text = "PERSON 3" }, make { $0.text = "timed OUT" }, make { $0.text = "no such text" },
            make { $0.payload = has("n", "3.0") }, make { $0.payload = has("who.name", "Person 1") },
            make { $0.payload = has("list", "x") + has("list.0", "2") }, make { $0.exceptPriority = 1 },
        ]
    }

    @Test func `each filter finds exactly the jobs that match, in listing order, with pages of any size`() async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await Self.fill(queue, harness)
            let all = try await queue.list(limit: 200).jobs
            #expect(Set(all.map(\.state)) == Set(JobState.allCases))
            for filter in Self.filters(all[20]) {
                let matcher = JobMatcher(filter)
                let expected = all.filter(matcher.accepts).map(\.id)
                #expect(!expected.isEmpty || filter.text == "no such text", "\(filter)")
                for limit in [1, 7, 200] {
                    let found = try await Self.found(filter, queue, limit: limit)
                    #expect(found.map(\.id) == expected, "\(filter) \(limit)")
                }
            }
        }
    }

    @Test func `conditions mean what their names say`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            var job = NewJob(id: try makeID("order-1"), type: "mail", payload: Array(#"{"to":"Ada"}"#.utf8))
            job.tags = ["blue"]
            job.uniqueKey = "k"
            _ = try await queue.enqueue(job)
            let record = try #require(try await queue.job(job.id))
            func matches(_ change: (inout JobFilter) -> Void) -> Bool {
                var filter = JobFilter()
                change(&filter)
                return JobMatcher(filter).accepts(record)
            }
            let moment = record.createdAt
            #expect(matches { _ in } && matches { $0.type = "mail" } && !matches { $0.type = "Mail" })
            #expect(matches { $0.tag = "blue" } && !matches { $0.tag = "blu" })
            #expect(matches { $0.uniqueKey = "k" } && !matches { $0.uniqueKey = "K" })
            #expect(matches { $0.states = [.queued] } && !matches { $0.states = [.failed] })
            #expect(matches { $0.createdAfter = moment } && !matches { $0.createdBefore = moment })
            #expect(!matches { $0.createdAfter = moment + 0.001 } && matches { $0.createdBefore = moment + 0.001 })
            for text in ["ORDER-1", "Mail", "ada", #""to":"#] { #expect(matches { $0.text = text }, "\(text)") }
            #expect(!matches { $0.text = "blue" } && !matches { $0.errorFingerprint = ErrorFingerprint.of("") })
        }
    }

    @Test func `a text that is an id finds that job alone, or none where another condition does not hold`() async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            let id = try makeID("order-7")
            _ = try await queue.enqueue([job(id), NewJob(type: "t", payload: Array(#""order-7""#.utf8))])
            var filter = JobFilter()
            filter.text = "order-7"
            let found = try await queue.find(filter)
            #expect(found.jobs.map(\.id) == [id] && found.next == nil && found.examined == 1)
            filter.type = "t"
            let others = try await queue.find(filter)
            #expect(others.jobs.isEmpty && others.next == nil, "not the job that only mentions the id")
            filter.text = "order-"
            #expect(try await queue.find(filter).jobs.map(\.type) == ["t"])
        }
    }

    @Test func `one call looks at no more than its budget, and the next goes on where it stopped`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let jobs = (0..<1200).map { NewJob(type: $0 == 1100 ? "rare" : "t", payload: Array("{}".utf8)) }
            _ = try await queue.enqueue(jobs)
            var filter = JobFilter()
            filter.type = "rare"
            var budget = ScanBudget(records: 600, time: .seconds(60))
            let first = try await queue.scan(filter, after: nil, limit: 50, &budget)
            #expect(first.jobs.isEmpty && first.next != nil && budget.examined == 1000)
            budget = ScanBudget(records: 600, time: .seconds(60))
            let second = try await queue.scan(filter, after: first.next, limit: 50, &budget)
            #expect(second.jobs.map(\.id) == [jobs[1100].id] && second.next == nil && budget.examined == 200)
            budget = ScanBudget(records: 600, time: .zero)
            let late = try await queue.scan(filter, after: nil, limit: 50, &budget)
            #expect(late.next != nil && budget.examined == 500, "a call always comes further")
        }
    }

    @Test func `a search of a thousand jobs is a few calls, and reads no payloads unless it needs them`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("finding"))
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            let body = Array(repeating: UInt8(ascii: "7"), count: 1000)
            _ = try await queue.enqueue((0..<1000).map { NewJob(type: $0 % 100 == 0 ? "rare" : "t", payload: body) })
            var filter = JobFilter()
            filter.type = "rare"
            filter.states = [.queued]
            let before = try await harness.use()
            var budget = ScanBudget(time: .seconds(60))
            let found = try await queue.scan(filter, after: nil, limit: 50, &budget)
            #expect(try await queue.whole(found.jobs, by: filter).count == 10)
            let after = try await harness.use()
            #expect(after.calls - before.calls <= 4)
            #expect(after.bytes - before.bytes < 200_000, "only the ten that match are read whole")
        }
        await server.stop()
    }

    @Test func `large payloads end a step of a search early, and none is missed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let filler = String(repeating: "a", count: 300_000)
            let jobs = (0..<12).map { NewJob(type: "t", payload: Array(#"{"n":\#($0),"x":"\#(filler)"}"#.utf8)) }
            for job in jobs { _ = try await queue.enqueue(job) }
            let arguments = RedisArguments("scan", "queued", "", "", "500", "asc", "t", "p")
            let parts = try #require(try await queue.read(.read, arguments))
            #expect(parts.count == 3 + 4 * 4 && parts[2].int == 0, "four of them are more than a megabyte")
            var filter = JobFilter()
            filter.payload = try [#require(PayloadCondition("n", equals: "11"))]
            #expect(try await Self.found(filter, queue, limit: 50).map(\.id) == [jobs[11].id])
        }
    }

    @Test func `a queue that does not exist has no jobs, and is not made by a search`() async throws {
        try await withStore { harness in
            var filter = JobFilter()
            filter.text = "x"
            let found = try await harness.queue("none").find(filter)
            #expect(found.jobs.isEmpty && found.next == nil && found.examined == 0)
            #expect(try await harness.store.queueNames().isEmpty)
        }
    }
}

extension QueueHarness {
    /// How many functions Redis has run, and how many bytes it has sent.
    fileprivate func use() async throws -> (calls: Int, bytes: Int) {
        let statistics = try await command("INFO", "commandstats").string ?? ""
        let calls = statistics.matches(of: /cmdstat_(?:fcall|evalsha)(?:_ro)?:calls=(\d+)/)
        let bytes = try await command("INFO", "stats").informationFields["total_net_output_bytes"].flatMap { Int($0) }
        return (calls.compactMap { Int($0.1) }.reduce(0, +), bytes ?? 0)
    }
}
