// Failed attempts of a job and groups of errors over HTTP.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct ErrorGroupTests {
    /// Pushes a job and fails its attempt.
    private func fail(_ server: TestServer, _ error: String, type: String = "t", in name: String) async throws {
        let queue = server.harness.queue(name)
        _ = try await queue.enqueue(NewJob(type: type, payload: Array("{}".utf8), maxRetries: 0))
        let claimed = try #require(try await server.claim(from: queue).first)
        try await server.settle(claimed, .failedForGood(error: error), in: queue)
    }

    private func names(_ answer: Answer) -> [String] {
        answer.list("errors").map { "\($0["queue"] ?? "") \($0["type"] ?? "") \($0["total"] ?? "")" }
    }

    @Test func `groups of all queues or one are listed with counts, the last seen first`() async throws {
        try await withServer { server in
            for number in 1...3 { try await fail(server, "order \(number) failed", in: "mail") }
            // Two failures of one millisecond have no order.
            try await server.harness.setClock(.seconds(1), queue: "ship")
            try await fail(server, "no room", type: "u", in: "ship")
            let all = try await server.get("/api/v1/errors")
            #expect(all.status == 200 && all.json["next_cursor"] is NSNull)
            #expect(names(all) == ["ship u 1", "mail t 3"])
            let group = try #require(all.list("errors").last)
            #expect(group["message"] as? String == "order 3 failed")
            #expect(group["fingerprint"] as? String == ErrorFingerprint.of("order 9 failed"))
            let counts = try #require(group["counts"] as? [String: Int])
            #expect(counts == ["1h": 3, "3h": 3, "24h": 3, "3d": 3, "7d": 3])
            #expect(names(try await server.get("/api/v1/errors?queue=mail")) == ["mail t 3"])
            #expect(names(try await server.get("/api/v1/errors?type=u")) == ["ship u 1"])
            #expect(try await server.get("/api/v1/errors?cursor=x").status == 422)
            #expect(try await server.get("/api/v1/errors?cursor=mail~1~zz").status == 422)
            try await server.harness.setClock(.zero, queue: "ship")
        }
    }

    @Test func `the jobs of a group that have failed now are counted when that is asked for`() async throws {
        try await withServer { server in
            for number in 1...3 { try await fail(server, "order \(number) failed", in: "mail") }
            try await fail(server, "no room", in: "mail")
            try await fail(server, "no room", in: "ship")
            func failed(_ query: String) async throws -> [String] {
                try await server.get("/api/v1/errors?\(query)").list("errors").map { group in
                    let failed = group["failed"] as? [String: Any]
                    let count = (failed?["count"] as? Int).map { "\($0)" } ?? "-"
                    let isAll = (failed?["complete"] as? Bool).map { "\($0)" } ?? "-"
                    return "\(group["queue"] ?? "") \(group["total"] ?? "") \(count) \(isAll)"
                }.sorted()
            }
            #expect(try await failed("failed=true") == ["mail 1 1 true", "mail 3 3 true", "ship 1 1 true"])
            #expect(try await failed("queue=mail") == ["mail 1 - -", "mail 3 - -"])
            let jobs = try await server.get("/api/v1/jobs?queue=mail&q=order%202").list("jobs")
            let id = try #require(jobs.first?["id"] as? String)
            #expect(try await server.send(.POST, "/api/v1/jobs/\(id)/retry?queue=mail").status == 200)
            #expect(try await failed("queue=mail&failed=true") == ["mail 1 1 true", "mail 3 2 true"])
            #expect(try await server.get("/api/v1/errors?failed=x").status == 422)
        }
    }

    @Test func `where not all failed jobs were looked at, the count of a group says so`() async throws {
        try await withServer(settings: { $0.searchLimit = 1 }) { server in
            let queue = server.harness.queue("mail")
            for number in 1...6 {
                let jobs = (0..<100).map { _ in NewJob(type: "t", payload: Array("{}".utf8), maxRetries: 0) }
                _ = try await queue.enqueue(jobs)
                let claimed = try await queue.claim(ClaimRequest(worker: "w", number: number, upTo: 100)).jobs
                _ = try await queue.settle(
                    claimed.map { Settlement(id: $0.id, token: $0.token, outcome: .failedForGood(error: "x")) })
            }
            let group = try #require(try await server.get("/api/v1/errors?failed=true").list("errors").first)
            let failed = try #require(group["failed"] as? [String: Any])
            #expect(group["total"] as? Int == 600 && failed["complete"] as? Bool == false)
            let count = try #require(failed["count"] as? Int)
            #expect(count > 0 && count < 600)
        }
    }

    @Test func `pages over several queues have every group once, also of one moment`() async throws {
        try await withServer { server in
            let names = ["a", "b", "c"]
            for name in names {
                let queue = server.harness.queue(name)
                try await server.harness.setClock(.zero, queue: name)
                for type in ["t", "u", "v"] {
                    _ = try await queue.enqueue(NewJob(type: type, payload: Array("{}".utf8), maxRetries: 0))
                }
                let claimed = try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 3)).jobs
                _ = try await queue.settle(
                    claimed.map { Settlement(id: $0.id, token: $0.token, outcome: .failedForGood(error: "x")) })
                // All groups were seen at one moment.
                for type in ["t", "u", "v"] {
                    try await server.harness.command(
                        "ZADD", server.harness.key("errors", queue: name), "1800000000000",
                        "\(ErrorFingerprint.of("x")) \(type)")
                }
            }
            let whole = self.names(try await server.get("/api/v1/errors"))
            #expect(whole.count == 9 && Set(whole).count == 9)
            for limit in [1, 2, 4] {
                var (paged, cursor) = ([String](), "")
                repeat {
                    let page = try await server.get("/api/v1/errors?limit=\(limit)\(cursor)")
                    paged += self.names(page)
                    cursor = (page["next_cursor"]).map { "&cursor=\($0)" } ?? ""
                } while !cursor.isEmpty && paged.count < 20
                #expect(paged == whole, "limit \(limit)")
            }
        }
    }

    @Test func `the jobs of a group are retried with the filter that the group gives`() async throws {
        try await withServer { server in
            for number in 1...3 { try await fail(server, "order \(number) failed", in: "mail") }
            // Two failures of one millisecond have no order.
            try await server.harness.setClock(.seconds(1), queue: "mail")
            try await fail(server, "another", in: "mail")
            let groups = try await server.get("/api/v1/errors").list("errors")
            let group = try #require(groups.last)
            let fingerprint = try #require(group["fingerprint"] as? String)
            let body =
                #"{"action":"retry","filter":{"queue":"mail","type":"t","state":"failed","error":"\#(fingerprint)"}}"#
            let answer = try await server.post("/api/v1/jobs/actions", body)
            #expect(answer.json["changed"] as? Int == 3, "\(answer.text)")
            let jobs = try #require(try await server.harness.queue("mail").status()?.jobs)
            #expect(jobs[.queued] == 3 && jobs[.failed] == 1)
            try await server.harness.setClock(.zero, queue: "mail")
        }
    }

    @Test func `a job shows its failed attempts and its earlier payloads, a list does not`() async throws {
        try await withServer { server in
            try await server.push("a", #","payload":{"n":1},"max_retries":1,"backoff":{"base_seconds":0.001}"#)
            let claim = try #require(try await server.take(1, #","worker_id":"py-1""#).first)
            #expect(try await server.end(claim, "fail", #"{"error":{"class":"E","message":"m"}}"#).status == 200)
            let fresh = try await server.job("a")
            #expect(fresh.json["earlier_payloads"] == nil)
            let attempt = try #require(fresh.list("attempts").first)
            #expect(attempt["outcome"] as? String == "failed" && attempt["worker"] as? String == "py-1")
            #expect(attempt["error"] as? String == fresh["error"])
            #expect(((attempt["ran_seconds"] as? NSNumber)?.doubleValue ?? -1) >= 0)
            #expect(try await server.send(.PATCH, "/api/v1/jobs/a?queue=q", #"{"payload":{"n":2}}"#).status == 200)
            let earlier = try #require(try await server.job("a").list("earlier_payloads").first)
            #expect((earlier["payload"] as? [String: Int]) == ["n": 1] && earlier["bytes"] as? Int == 7)
            let listed = try #require(try await server.get("/api/v1/jobs?queue=q").list("jobs").first)
            #expect(listed["attempts"] == nil && listed["earlier_payloads"] == nil)
        }
    }

    @Test func `a queue that cannot be read keeps no other from the list`() async throws {
        try await withServer { server in
            try await fail(server, "x", in: "mail")
            try await fail(server, "x", in: "odd")
            try await server.harness.command("DEL", server.harness.key("errors", queue: "odd"))
            try await server.harness.command("SET", server.harness.key("errors", queue: "odd"), "text")
            let all = try await server.get("/api/v1/errors")
            #expect(names(all) == ["mail t 1"])
            #expect(all.list("damaged").compactMap { $0["name"] as? String } == ["odd"])
            #expect(try await server.get("/api/v1/errors?queue=odd").status >= 500)
            try await server.harness.command(
                "DEL", server.harness.key("errors", queue: "odd"), server.harness.key("error_groups", queue: "odd"))
        }
    }
}
