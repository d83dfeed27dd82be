// One verb on all jobs that match a filter: steps, numbers, what is refused, and what holds while jobs change.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@Suite struct FilterActionTests {
    private static let path = "/api/v1/jobs/actions"

    /// The numbers of all steps of an action.
    private struct Sum {
        var matched = 0
        var changed = 0
        var unchanged = 0
        var refused = 0
        var steps = 0
    }

    /// Makes steps until the action is complete; `between` is called after each of them but the last one.
    private func act(
        _ server: TestServer, _ members: String, between: () async throws -> Void = {}
    ) async throws -> Sum {
        var sum = Sum()
        var cursor = ""
        repeat {
            let answer = try await server.post(Self.path, "{\(members)\(cursor)}")
            try #require(answer.status == 200, "\(answer.text)")
            sum.matched += try #require(answer.int("matched"))
            sum.changed += try #require(answer.int("changed"))
            sum.unchanged += try #require(answer.int("unchanged"))
            sum.refused += try #require(answer.int("refused"))
            sum.steps += 1
            cursor = answer["next_cursor"].map { ",\"cursor\":\"\($0)\"" } ?? ""
            if !cursor.isEmpty { try await between() }
        } while !cursor.isEmpty && sum.steps < 200
        return sum
    }

    private func push(_ server: TestServer, _ count: Int, queue: String = "q", tag: String = "x") async throws {
        let jobs = (0..<count).map {
            NewJob(type: "t", payload: Array("\($0)".utf8), tags: [$0 % 2 == 0 ? tag : "odd"])
        }
        _ = try await server.harness.queue(queue).enqueue(jobs)
    }

    private func states(_ server: TestServer, _ queue: String = "q") async throws -> [JobState: Int] {
        var counts: [JobState: Int] = [:]
        var page = try await server.harness.queue(queue).list(limit: 200)
        while true {
            for job in page.jobs { counts[job.state, default: 0] += 1 }
            guard let next = page.next else { return counts }
            page = try await server.harness.queue(queue).list(after: next, limit: 200)
        }
    }

    @Test func `an action changes all that match in steps of a thousand, and nothing else`() async throws {
        try await withServer { server in
            try await push(server, 4400)
            try await push(server, 10, queue: "other")
            let filter = #""filter":{"queue":"q","tag":"x"}"#
            let sum = try await act(server, #""action":"cancel",\#(filter)"#)
            #expect(sum.matched == 2200 && sum.changed == 2200 && sum.refused == 0 && sum.unchanged == 0)
            #expect(sum.steps >= 3)
            #expect(try await states(server) == [.queued: 2200, .cancelled: 2200])
            #expect(try await states(server, "other") == [.queued: 10])
            // What it changed is in states that it does not look at.
            #expect(try await act(server, #""action":"cancel",\#(filter)"#).matched == 0)
            let retried = try await act(server, #""action":"retry",\#(filter)"#)
            #expect(retried.changed == 2200)
            #expect(try await states(server) == [.queued: 4400])
        }
    }

    @Test func `each verb acts on the states in which it is possible`() async throws {
        try await withServer { server in
            let queue = server.harness.queue("q")
            for (verb, before, after, count) in [
                ("pause", JobState.queued, JobState.paused, 4), ("resume", .paused, .queued, 4),
                ("cancel", .queued, .cancelled, 4), ("delete", .cancelled, .cancelled, 0),
            ] {
                if verb == "pause" { try await push(server, 4) }
                #expect(try await states(server)[before] == 4, "\(verb)")
                let sum = try await act(server, #""action":"\#(verb)","filter":{"queue":"q","type":"t"}"#)
                #expect(sum.matched == 4 && sum.changed == 4, "\(verb)")
                #expect(try await states(server)[after] ?? 0 == count, "\(verb)")
            }
            _ = try await queue.enqueue(
                (0..<3).map { _ in NewJob(type: "t", payload: Array("{}".utf8), delay: .seconds(99)) })
            #expect(try await act(server, #""action":"run","filter":{"state":"scheduled"}"#).changed == 3)
            let set = #""action":"priority","priority":7,"filter":{"queue":"q"}"#
            #expect(try await act(server, set).changed == 3)
            #expect(try await act(server, set).matched == 0, "those that have the priority do not match")
            #expect(try await queue.list().jobs.allSatisfy { $0.priority == 7 })
            _ = try await server.claim(2, from: queue)
            let stop = try await server.post(Self.path, #"{"action":"cancel","filter":{"queue":"q"}}"#)
            #expect(stop.int("changed") == 3 && stop.int("stopping") == 2)
            let again = try await server.post(Self.path, #"{"action":"cancel","filter":{"queue":"q"}}"#)
            #expect(again.int("unchanged") == 2 && again.int("changed") == 0 && again.int("stopping") == 2)
        }
    }

    @Test func `a call ends with its budget, and an expected number holds over all calls`() async throws {
        try await withServer(settings: { $0.searchLimit = 500 }) { server in
            try await push(server, 2000)
            let action = #""action":"pause","filter":{"queue":"q","tag":"x"}"#
            let first = try await server.post(Self.path, "{\(action),\"expected_count\":700}")
            #expect(first.status == 200 && first.int("changed") == 250, "more than 250 could not be counted")
            let scanned = try #require(first.json["scanned"] as? [String: Any])
            #expect(scanned["complete"] as? Bool == false && scanned["of"] as? Int == 1750)
            var (changed, cursor, answer) = (250, first["next_cursor"], first)
            while let place = cursor {
                answer = try await server.post(
                    Self.path, "{\(action),\"expected_count\":700,\"cursor\":\"\(place)\"}")
                guard answer.status == 200 else { break }
                changed += try #require(answer.int("changed"))
                cursor = answer["next_cursor"]
            }
            #expect(answer.status == 409 && changed == 500, "750 would be more than 700")
            #expect(try await states(server)[.paused] == 500)
        }
    }

    @Test func `a dry run counts, shows the first jobs, and changes nothing`() async throws {
        try await withServer { server in
            try await push(server, 40)
            let body = #"{"action":"cancel","filter":{"tag":"x"},"dry_run":true}"#
            let answer = try await server.post(Self.path, body)
            #expect(answer.int("matched") == 20 && answer.int("changed") == 0 && answer.bool("dry_run") == true)
            #expect(answer.list("jobs").count == 10)
            #expect(answer.list("jobs").allSatisfy { ($0["tags"] as? [String]) == ["x"] })
            #expect((answer.json["scanned"] as? [String: Any])?["complete"] as? Bool == true)
            #expect(try await states(server) == [.queued: 40])
        }
    }

    @Test func `an action whose number of jobs differs is 409 and changes nothing`() async throws {
        try await withServer { server in
            try await push(server, 2600)
            let action = #""action":"pause","filter":{"queue":"q","tag":"x"}"#
            for (expected, tolerance) in [(1299, 0), (1301, 0), (1200, 99), (0, 0), (1400, 99)] {
                let body = "{\(action),\"expected_count\":\(expected),\"tolerance\":\(tolerance)}"
                let answer = try await server.post(Self.path, body)
                #expect(answer.status == 409 && answer["code"] == "count-differs", "\(answer.text)")
                #expect(answer.int("matched") == 1300 && answer.int("expected_count") == expected)
            }
            #expect(try await states(server) == [.queued: 2600])
            let sum = try await act(server, action + #","expected_count":1310,"tolerance":10"#)
            #expect(sum.changed == 1300 && sum.steps >= 2)
        }
    }

    @Test func `jobs that come during an action do not take it beyond the expected number`() async throws {
        try await withServer { server in
            try await push(server, 3000)
            let action = #""action":"pause","filter":{"queue":"q","tag":"x"},"expected_count":1500,"tolerance":20"#
            let first = try await server.post(Self.path, "{\(action)}")
            #expect(first.int("changed") == 1000)
            try await push(server, 200)
            let cursor = try #require(first["next_cursor"])
            let second = try await server.post(Self.path, "{\(action),\"cursor\":\"\(cursor)\"}")
            #expect(second.status == 409 && second.int("matched") == 1600)
            #expect(try await states(server)[.paused] == 1000)
        }
    }

    @Test func `jobs that leave their state between two steps are met by none of them`() async throws {
        try await withServer { server in
            try await push(server, 3000)
            let queue = server.harness.queue("q")
            let sum = try await act(server, #""action":"pause","filter":{"queue":"q","type":"t"}"#) {
                for job in try await server.claim(50, from: queue) {
                    try await server.settle(job, .completed(output: nil), in: queue)
                }
            }
            let now = try await states(server)
            #expect(sum.changed + (now[.completed] ?? 0) == 3000)
            #expect(now[.queued] == nil && now[.paused] == sum.changed)
        }
    }

    @Test func `a job whose unique key another one holds is refused and named`() async throws {
        try await withServer { server in
            let queue = server.harness.queue("q")
            for number in 0..<2 {
                let job = NewJob(id: JobID.generate(), type: "t", payload: Array("\(number)".utf8), uniqueKey: "k")
                _ = try await queue.enqueue(job)
                if number == 0 { _ = try await queue.control(.cancel, job.id) }
            }
            let answer = try await server.post(Self.path, #"{"action":"retry","filter":{"unique_key":"k"}}"#)
            #expect(answer.int("refused") == 1 && answer.int("changed") == 0)
            #expect(answer.list("errors").count == 1)
        }
    }

    @Test func `the id of a job as text acts on that job alone`() async throws {
        try await withServer { server in
            let queue = server.harness.queue("q")
            let id = try #require(JobID("order-7"))
            _ = try await queue.enqueue([
                NewJob(id: id, type: "t", payload: Array("{}".utf8)),
                NewJob(type: "t", payload: Array(#""order-7""#.utf8)),
            ])
            #expect(try await act(server, #""action":"cancel","filter":{"q":"order-7"}"#).changed == 1)
            #expect(try await queue.job(id)?.state == .cancelled)
            #expect(try await act(server, #""action":"cancel","filter":{"q":"order-7"}"#).matched == 0)
            #expect(try await states(server) == [.queued: 1, .cancelled: 1])
        }
    }

    @Test(arguments: [
        (#""action":"cancel","filter":{}"#, "/filter"),
        (#""action":"cancel","filter":{"tag":null}"#, "/filter"),
        (#""action":"cancel","filter":"q""#, "/filter"),
        (#""action":"cancel","filter":{"queue":"q"},"ids":["a"]"#, "/filter"),
        (#""action":"cancel","filter":{"queue":"NO"}"#, "/filter/queue"),
        (#""action":"cancel","filter":{"state":"odd"}"#, "/filter/state"),
        (#""action":"cancel","filter":{"state":"failed"}"#, "/filter"),
        (#""action":"retry","filter":{"state":"queued,paused"}"#, "/filter"),
        (#""action":"cancel","filter":{"created_after":"now"}"#, "/filter/created_after"),
        (#""action":"cancel","filter":{"error":"x"}"#, "/filter/error"),
        (#""action":"cancel","filter":{"tags":"x"}"#, "/filter/tags"),
        (#""action":"cancel","filter":{"payload":1}"#, "/filter/payload"),
        (#""action":"cancel","filter":{"payload":{"a":{}}}"#, "/filter/payload"),
        (#""action":"cancel","filter":{"payload":{"a..b":1}}"#, "/filter/payload/a..b"),
        (#""action":"cancel","filter":{"queue":"q"},"cursor":"x""#, "/cursor"),
        (#""action":"cancel","filter":{"queue":"q"},"tolerance":1"#, "/tolerance"),
        (#""action":"cancel","filter":{"queue":"q"},"expected_count":-1"#, "/expected_count"),
        (#""action":"cancel","ids":["a"],"expected_count":1"#, "/expected_count"),
        (#""action":"priority","filter":{"queue":"q"}"#, "/priority"),
        (#""action":"burn","filter":{"queue":"q"}"#, "/action"),
        (#""action":"cancel""#, "/ids"),
    ])
    func `a bad filter or number is 422 at its place, and changes nothing`(members: String, place: String) async throws
    {
        try await withServer { server in
            try await push(server, 4)
            let answer = try await server.post(Self.path, "{\(members)}")
            #expect(answer.status == 422 && answer.pointers.contains(place), "\(answer.text)")
            #expect(try await states(server) == [.queued: 4])
        }
    }

    @Test func `a cursor belongs to its action, filter and queue`() async throws {
        try await withServer { server in
            try await push(server, 2400)
            let first = try await server.post(Self.path, #"{"action":"pause","filter":{"queue":"q","tag":"x"}}"#)
            let cursor = try #require(first["next_cursor"])
            for other in [
                #""action":"cancel","filter":{"queue":"q","tag":"x"}"#,
                #""action":"pause","filter":{"queue":"q","tag":"odd"}"#, #""action":"pause","filter":{"tag":"x"}"#,
                #""action":"priority","priority":1,"filter":{"queue":"q","tag":"x"}"#,
            ] {
                let answer = try await server.post(Self.path, "{\(other),\"cursor\":\"\(cursor)\"}")
                #expect(answer.status == 422 && answer.pointers == ["/cursor"], "\(other)")
            }
            let both = try await server.post(
                Self.path + "?queue=q", #"{"action":"pause","filter":{"queue":"q"}}"#)
            #expect(both.status == 422 && both.pointers == ["/filter"])
        }
    }

    @Test func `a token acts on jobs of its queues alone, and only with the role`() async throws {
        let operate = try newToken("o", [.operate], "a*")
        let read = try newToken("r", [.read], "a*")
        try await withServer(tokens: operate.line + "\n" + read.line) { server in
            try await push(server, 4, queue: "ab")
            try await push(server, 4, queue: "b")
            let body = #"{"action":"cancel","filter":{"type":"t"}}"#
            #expect(try await server.with(token: read.secret).post(Self.path, body).status == 403)
            let operator_ = server.with(token: operate.secret)
            #expect(try await operator_.post(Self.path, body).int("changed") == 4)
            #expect(try await states(server, "b") == [.queued: 4])
            let named = try await operator_.post(Self.path, #"{"action":"cancel","filter":{"queue":"b"}}"#)
            #expect(named.status == 403)
        }
    }
}
