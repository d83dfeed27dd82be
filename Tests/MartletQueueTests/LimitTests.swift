// Limits of a queue as operators set them: values, overrides, pauses, what is refused, and what is known of them.

import Foundation
import MartletJSON
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct LimitTests {
    private static let rate = LimitRate(count: 100, per: .seconds(60), burst: 5)

    @Test func `a limit is set, read, listed and removed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            #expect(try await queue.limits().limits.isEmpty)
            #expect(try await queue.limit(named: "host:a.example") == nil)
            try await queue.setLimit("host:a.example", to: QueueLimit(concurrency: 3, rate: Self.rate))
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
            let limit = try #require(try await queue.limit(named: "host:a.example"))
            #expect(limit.base == QueueLimit(concurrency: 3, rate: Self.rate))
            #expect(limit.inForce == limit.base && limit.source == "host:a.example")
            #expect(limit.opening == .now && !limit.isPaused && !limit.isOfClass)
            #expect(try await queue.limits().limits.map(\.name) == ["host:*", "host:a.example"])
            try await queue.setLimit("host:a.example", to: QueueLimit(rate: Self.rate))
            #expect(try await queue.limit(named: "host:a.example")?.base == QueueLimit(rate: Self.rate))
            #expect(try await queue.removeLimit("host:a.example"))
            #expect(try await queue.removeLimit("host:a.example") == false)
            let key = try #require(try await queue.limit(named: "host:a.example"))
            #expect(key.base == nil && key.source == "host:*", "its class holds it")
            #expect(key.inForce == QueueLimit(concurrency: 2))
        }
    }

    @Test func `an override counts in place of the base value until it ends or is reset`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("tenant:7", to: QueueLimit(concurrency: 3))
            try await queue.overrideLimit("tenant:7", with: QueueLimit(rate: Self.rate), for: .seconds(60))
            var limit = try #require(try await queue.limit(named: "tenant:7"))
            #expect(limit.base == QueueLimit(concurrency: 3) && limit.override == QueueLimit(rate: Self.rate))
            #expect(limit.inForce == QueueLimit(rate: Self.rate) && limit.overrideEnds != nil)
            try await harness.setClock(.seconds(61))
            limit = try #require(try await queue.limit(named: "tenant:7"))
            #expect(limit.override == nil && limit.inForce == limit.base)
            let end = Date.now.addingTimeInterval(3600)
            try await queue.overrideLimit("tenant:7", with: QueueLimit(concurrency: 9), until: end)
            limit = try #require(try await queue.limit(named: "tenant:7"))
            #expect(limit.inForce == QueueLimit(concurrency: 9))
            #expect(abs(try #require(limit.overrideEnds).timeIntervalSince(end)) < 0.01)
            #expect(try await queue.resetLimit("tenant:7"))
            #expect(try await queue.limit(named: "tenant:7")?.override == nil)
            #expect(try await queue.resetLimit("tenant:8") == false)
        }
    }

    @Test func `a pause says why, who and until when, and one without a limit goes with it`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
            try await queue.pauseLimit("host:slow.example", reason: "it\nis slow", for: .seconds(60), by: "ada")
            var limit = try #require(try await queue.limit(named: "host:slow.example"))
            #expect(limit.pause?.reason == "it is slow" && limit.pause?.by == "ada" && limit.isPaused)
            let until = try #require(limit.pause?.until)
            #expect(limit.opening == .at(until) && limit.source == "host:slow.example" && limit.inForce == nil)
            try await harness.setClock(.seconds(61))
            limit = try #require(try await queue.limit(named: "host:slow.example"))
            #expect(!limit.isPaused && limit.source == "host:*", "the pause is over: the class counts again")
            #expect(try await queue.limits().limits.map(\.name) == ["host:*"])
            try await queue.pauseLimit("host:*")
            #expect(try await queue.limit(named: "host:x")?.opening == .notByTime)
            #expect(try await queue.resumeLimit("host:*"))
            #expect(try await queue.limit(named: "host:*")?.base == QueueLimit(concurrency: 2))
            #expect(try await queue.limit(named: "host:*")?.isPaused == false)
            try await queue.pauseLimit("type:report")
            #expect(try await queue.resumeLimit("type:report"))
            #expect(try await queue.limit(named: "type:report") == nil)
        }
    }

    @Test func `what no limit can have is refused and changes nothing`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 1))
            func refusal(_ change: () async throws -> Void) async -> String? {
                do { try await change() } catch {
                    if case .refused(.badLimit(let what)) = (error as? QueueError)?.kind { return what }
                    Issue.record(error)
                }
                return nil
            }
            let names = [
                "host", "Host:a", ":a", "host:", "host: a", "host:a ", "host:a\u{0}b", "host:\u{202E}a", "9:a",
                "host:" + String(repeating: "x", count: 129), String(repeating: "h", count: 33) + ":a",
            ]
            for name in names {
                #expect(await refusal { try await queue.setLimit(name, to: QueueLimit(concurrency: 1)) } == "name")
            }
            let limits: [(QueueLimit, String)] = [
                (QueueLimit(), "empty"), (QueueLimit(concurrency: -1), "concurrency"),
                (QueueLimit(concurrency: 1_000_001), "concurrency"),
                (QueueLimit(rate: LimitRate(count: 0, per: .seconds(1))), "count"),
                (QueueLimit(rate: LimitRate(count: 1, per: .zero)), "per"),
                (QueueLimit(rate: LimitRate(count: 1, per: .seconds(1), burst: 0)), "burst"),
            ]
            for (limit, what) in limits {
                #expect(await refusal { try await queue.setLimit("host:a", to: limit) } == what)
                #expect(await refusal { try await queue.overrideLimit("host:a", with: limit) } == what)
            }
            let one = QueueLimit(concurrency: 2)
            let past = Date.now.addingTimeInterval(-60)
            #expect(await refusal { try await queue.overrideLimit("host:a", with: one, until: past) } == "until")
            #expect(await refusal { try await queue.overrideLimit("host:a", with: one, for: .zero) } == "until")
            #expect(await refusal { try await queue.pauseLimit("host:a", until: past) } == "until")
            #expect(await refusal { try await queue.pauseLimit("host:a", until: .now, for: .seconds(9)) } == "until")
            #expect(await refusal { try await queue.pauseLimit("host:a", for: .seconds(366 * 86_400)) } == "until")
            let limit = try #require(try await queue.limit(named: "host:a"))
            #expect(limit.base == QueueLimit(concurrency: 1) && limit.override == nil && limit.pause == nil)
            #expect(try await queue.limits().limits.count == 1)
        }
    }

    @Test func `the script itself refuses what the client would not send`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            func answer(_ line: String) async throws -> String {
                var arguments = RedisArguments()
                for word in line.split(separator: "|", omittingEmptySubsequences: false) {
                    arguments.append(String(word))
                }
                do throws(QueueError) {
                    let value = try await queue.run(.limit, arguments)
                    return value.array?.compactMap(\.string).joined(separator: " ") ?? ""
                } catch { return "error" }
            }
            let cases = [
                ("set|host|base|1||||", "bad name"), ("set|host: a|base|1||||", "bad name"),
                ("set|host:a |base|1||||", "bad name"), ("set|host:a\nb|base|1||||", "bad name"),
                ("set|H:a|base|1||||", "bad name"), ("set|host:a|base|1e3||||", "bad concurrency"),
                ("set|host:a|base||1|||", "bad per"), ("set|host:a|base|||1||", "bad empty"),
                ("set|host:a|base|1||||1000", "bad until"), ("set|host:a|override|1||||x", "bad until"),
                ("set|host:a", "error"), ("burn|host:a", "error"),
            ]
            for (line, expected) in cases {
                let found = try await answer(line)
                #expect(found == expected, "\(line)")
            }
            #expect(try await queue.limits().limits.isEmpty)
        }
    }

    @Test func `there are at most as many limits as the schema allows, and those that are over make room`() async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            for start in stride(from: 0, to: LimitName.most, by: 1000) {
                var arguments = RedisArguments("HSET", harness.key("limits"))
                for number in start..<start + 1000 {
                    arguments.append("host:\(number)")
                    arguments.append(number == 7 ? "paused=1 until=1" : "c=1")
                }
                _ = try await harness.redis.send(.command(arguments))
            }
            try await queue.setLimit("host:more", to: QueueLimit(concurrency: 1))
            let error = await #expect(throws: QueueError.self) {
                try await queue.setLimit("host:most", to: QueueLimit(concurrency: 1))
            }
            #expect(error?.kind == .refused(.tooManyLimits(LimitName.most)))
            try await queue.setLimit("host:more", to: QueueLimit(concurrency: 2))
            #expect(try await queue.limit(named: "host:7") == nil)
            #expect(try await harness.command("HLEN", harness.key("limits")).int == LimitName.most)
        }
    }

    @Test func `the plan says which classes have limits`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            func mask() async throws -> String? {
                let plan = try await harness.command("HGET", harness.key("meta"), "plan").string ?? ""
                return plan.split(separator: " ").first { $0.hasPrefix("limited=") }.map { String($0.dropFirst(8)) }
            }
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 1))
            #expect(try await mask() == "1")
            try await queue.pauseLimit("type:report")
            #expect(try await mask() == "3")
            try await queue.setLimit("tag:red", to: QueueLimit(concurrency: 1))
            #expect(try await mask() == "7")
            try await queue.configure(QueueSettingsChange(limit: 4))
            #expect(try await mask() == "7", "other settings leave it")
            for name in ["host:*", "type:report", "tag:red"] { try await queue.removeLimit(name) }
            #expect(try await mask() == nil)
            #expect(try await harness.command("HGET", harness.key("meta"), "limited") == .null)
        }
    }

    @Test func `words of other versions stay, and odd ones limit nothing`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            try await harness.command(
                "HSET", harness.key("limits"), "host:a", "c=1 order=strict w9=x", "host:b", "c=x y")
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 2))
            #expect(
                try await harness.command("HGET", harness.key("limits"), "host:a").string == "c=2 order=strict w9=x")
            #expect(try await queue.limit(named: "host:b") == nil)
            #expect(try await queue.limits().limits.map(\.name) == ["host:a"])
        }
    }

    @Test func `a page ends where the next one begins`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let names = (0..<7).map { "host:\($0)" } + ["Ä", "Z", "z"].map { "tenant:\($0)" }
            for name in names { try await queue.setLimit(name, to: QueueLimit(concurrency: 1)) }
            let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for size in [1, 3, 10, 200] {
                var seen: [String] = []
                var next: String?
                repeat {
                    let page = try await queue.limits(after: next, limit: size)
                    seen += page.limits.map(\.name)
                    next = page.next
                } while next != nil
                #expect(seen == sorted, "in pages of \(size)")
            }
        }
    }

    @Test func `each change is recorded with its author, what was and what is, and told to listeners`() async throws {
        try await withStore { harness in
            let author = TrailAuthor([("who", "ada")], entries: 100)
            let queue = harness.queue().recorded(as: author)
            try await queue.create()
            let window = "600000"
            _ = try await queue.run(.configure, RedisArguments("listen", window, ""))
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 1, rate: Self.rate))
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 2))
            try await queue.pauseLimit("host:a", reason: "why", by: "ada")
            try await queue.removeLimit("host:a")
            try await queue.removeLimit("host:a")
            await #expect(throws: QueueError.self) {
                try await queue.setLimit("host:a", to: QueueLimit(concurrency: -1))
            }
            let stream = try await harness.command("XRANGE", harness.key("trail"), "-", "+").array ?? []
            let trail = stream.compactMap { TrailEntry($0, trail: "q") }
            #expect(
                trail.map(\.action) == [
                    "set_limit", "set_limit", "pause_limit", "remove_limit", "remove_limit", "set_limit",
                ])
            #expect(trail.map(\.answer) == ["ok", "ok", "ok", "ok", "missing", "bad"])
            func values(_ values: [(name: String, value: String)]) -> [String: String] {
                Dictionary(values.map { ($0.name, $0.value) }) { first, _ in first }
            }
            #expect(trail.allSatisfy { values($0.before)["limit"] == "host:a" }, "also what has changed nothing")
            #expect(values(trail[0].before) == ["limit": "host:a"])
            let rate = "100/60000ms burst 5"
            #expect(values(trail[0].after) == ["limit": "host:a", "concurrency": "1", "rate": rate])
            #expect(values(trail[1].before) == ["limit": "host:a", "concurrency": "1", "rate": rate])
            #expect(values(trail[1].after) == ["limit": "host:a", "concurrency": "2"])
            #expect(
                values(trail[2].after) == ["limit": "host:a", "paused": "yes", "reason": "why", "paused_by": "ada"])
            #expect(values(trail[3].before)["concurrency"] == "2" && values(trail[3].after) == ["limit": "host:a"])
            let events = try await harness.command("XRANGE", harness.key("events"), "-", "+").array ?? []
            let told = events.filter { $0.array?.last?.array?.compactMap(\.string) == ["#configured", "limits"] }
            #expect(told.count == 4, "what changes nothing is not told")
        }
    }

    @Test func `usage, waiters, openings and holders are those of real jobs`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 3))
            try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
            let rate = LimitRate(count: 1, per: .seconds(3600), burst: 2)
            try await queue.setLimit("api:x", to: QueueLimit(rate: rate))
            let keys: [[LimitKey]] = [
                [LimitKey("host:a", weight: 2), "tenant:7"], ["host:a"], ["host:a"], ["host:a"], ["host:b"],
                ["api:x"], ["api:x"],
            ]
            let jobs = keys.enumerated().map { number, keys in
                NewJob(id: JobID("j\(number)") ?? .generate(), type: "t", payload: [1], limits: keys)
            }
            _ = try await queue.enqueue(jobs)
            let claimed = try await harness.claim(7, from: queue)
            #expect(claimed.map(\.id.description) == ["j0", "j1", "j4", "j5", "j6"])
            let full = try #require(try await queue.limit(named: "host:a"))
            #expect(full.usage == 3 && full.waiting == 2 && full.opening == .notByTime)
            #expect(full.holders.map { "\($0.job) \($0.weight)" }.sorted() == ["j0 2", "j1 1"])
            try await queue.overrideLimit("host:a", with: QueueLimit(concurrency: 1), for: .seconds(3600))
            let narrow = try #require(try await queue.limit(named: "host:a"))
            #expect(narrow.opening == .at(try #require(narrow.overrideEnds)))
            let wide = try #require(try await queue.limit(named: "host:*"))
            #expect(wide.usage == 3 && wide.waiting == 2 && wide.opening == nil)
            #expect(wide.keys.map(\.name) == ["host:a", "host:b"])
            let list = try await queue.limits().limits
            #expect(list.map(\.usage) == [2, 3, 3] && list.map(\.waiting) == [0, 2, 2])
            let key = try #require(try await queue.limit(named: "tenant:7"))
            #expect(key.usage == 1 && key.source == nil && key.opening == nil, "in use without a limit")
            guard case .at(let next) = try await queue.limit(named: "api:x")?.opening else {
                Issue.record("the rate is used up, so it opens by time")
                return
            }
            #expect(next > .now && next < .now.addingTimeInterval(3601))
            // What is raised lets the next ones start at once.
            try await queue.resetLimit("host:a")
            try await queue.setLimit("host:a", to: QueueLimit(concurrency: 5))
            #expect(try await harness.claim(7, from: queue).map(\.id.description) == ["j2", "j3"])
            #expect(try await queue.limit(named: "host:a")?.waiting == 0)
        }
    }
}
