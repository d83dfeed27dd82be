// Workers over HTTP as a whole: leases, directives, many ends at once, the list of workers, the end of one.

import CoreMetrics
import Foundation
import Logging
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct HTTPWorkerTests {
    private static func leases(_ tokens: [String], _ more: String = "") -> String {
        "{\"leases\":[" + tokens.map { "{\"token\":\"\($0)\"\(more)}" }.joined(separator: ",") + "]}"
    }

    @Test func `a heartbeat renews all leases, stores progress, and brings what is wanted of each job`() async throws {
        try await withServer { server in
            for id in ["a", "b", "c"] { try await server.push(id) }
            let claims = try await server.take(3, #","worker_id":"w1""#)
            // Two thirds of the lease have passed, so it is renewed.
            try await server.harness.setClock(.seconds(21))
            _ = try await server.post("/api/v1/jobs/b/cancel?queue=q")
            _ = try await server.post("/api/v1/jobs/c/pause?queue=q")
            let body = Self.leases(
                claims.map(\.token) + [claims[0].token + "x"], #","progress":{"completed":3,"total":4}"#)
            let answer = try await server.post("/api/v1/workers/w1/heartbeat", body)
            #expect(answer.status == 200, "\(answer.text)")
            let rows = answer.list("leases")
            #expect(rows.map { $0["status"] as? String } == ["ok", "cancel", "pause", "lost"])
            #expect(rows.prefix(3).map { $0["token"] as? String } == claims.map(\.token))
            #expect((rows[0]["lease_seconds"] as? NSNumber)?.intValue == 30, "\(rows)")
            #expect(rows[0]["expires_at"] is String)
            let progress = try await server.job("a").json["progress"] as? [String: Any]
            #expect((progress?["percent"] as? NSNumber)?.doubleValue == 75)
            #expect(
                try await server.end(claims[1], "fail", #"{"error":{"message":"stopped"}}"#)["state"] == "cancelled")
            #expect(try await server.end(claims[2], "release")["state"] == "paused")
            try await server.harness.setClock(.zero)
        }
    }

    @Test func `the lease of a worker that says nothing runs out, the loss counts, and its token is worth nothing`()
        async throws
    {
        try await withServer { server in
            try await server.push("a")
            let claim = try await server.take()[0]
            // The first sweep finds that nobody swept, and grants one more lease, as does each that comes late.
            var step = 0
            try await eventually("its lease runs out") {
                step += 1
                try await server.harness.setClock(.seconds(2 * step))
                _ = try await server.harness.queue().sweep()
                return try await server.job("a")["state"] == "queued"
            }
            #expect(try await server.job("a").int("lost") == 1)
            let late = try await server.end(claim, "complete")
            #expect(late.status == 409 && late["code"] == "lease-lost" && late["id"] == "a" && late["queue"] == "q")
            let beat = try await server.post("/api/v1/workers/w/heartbeat", Self.leases([claim.token]))
            #expect(beat.list("leases")[0]["status"] as? String == "lost")
            try await server.harness.setClock(.seconds(2 * step + 72))
            let again = try await server.take()[0]
            #expect(again.id == "a" && again.int("claims") == 2 && again.int("lost") == 1)
            #expect(try await server.end(claim, "complete").status == 409)
            #expect(try await server.end(again, "complete").status == 200)
            try await server.harness.setClock(.zero)
        }
    }

    @Test func `a claim and a heartbeat may ask for a lease of their own`() async throws {
        try await withServer { server in
            try await server.push("a")
            let claim = try await server.take(1, #","lease_seconds":120"#)[0]
            #expect(claim.leaseSeconds == 120)
            let queue = server.harness.queue()
            func lease() async throws -> Double {
                let until = try await queue.job(try #require(JobID("a")))?.leaseUntil
                return try #require(until).timeIntervalSinceNow
            }
            #expect((60...121).contains(try await lease()))
            let shorter = try await server.post("/api/v1/workers/w/heartbeat", Self.leases([claim.token]))
            #expect((shorter.list("leases")[0]["lease_seconds"] as? NSNumber).map { $0.doubleValue > 60 } == true)
            let longer = try await server.post(
                "/api/v1/workers/w/heartbeat", Self.leases([claim.token], #","extend_seconds":600"#))
            #expect(longer.list("leases")[0]["status"] as? String == "ok")
            #expect((300...601).contains(try await lease()))
            let wrong = try await server.post(
                "/api/v1/workers/w/heartbeat", Self.leases([claim.token], #","extend_seconds":1"#))
            #expect(wrong.status == 422 && wrong.pointers == ["/leases/0/extend_seconds"])
        }
    }

    @Test func `a checkpoint is kept with the job and comes with its next claim`() async throws {
        try await withServer { server in
            try await server.push("a")
            let claim = try await server.take()[0]
            let path = "/api/v1/claims/\(claim.token)/checkpoint"
            #expect(try await server.send(.PUT, path, #"{"checkpoint":{"page":7}}"#).status == 204)
            let large = String(repeating: "x", count: API.checkpointLimit)
            #expect(try await server.send(.PUT, path, "{\"checkpoint\":\"\(large)\"}").status == 413)
            _ = try await server.end(claim, "release")
            #expect(try await server.send(.PUT, path, #"{"checkpoint":1}"#).status == 409)
            let again = try await server.take()[0]
            #expect(again.job["checkpoint"] as? [String: Int] == ["page": 7])
            let beat = try await server.post(
                "/api/v1/workers/w/heartbeat", Self.leases([again.token], #","checkpoint":{"page":8}"#))
            #expect(beat.list("leases")[0]["status"] as? String == "ok")
            #expect(try await server.job("a").json["checkpoint"] as? [String: Int] == ["page": 8])
        }
    }

    @Test func `many ends are judged one by one, and the next jobs come with the answer`() async throws {
        try await withServer { server in
            for number in 0..<6 { try await server.push("j\(number)", #","backoff":{"base_seconds":600}"#) }
            let claims = try await server.take(5)
            let gone = claims[4].token.replacing("~j4~", with: "~nobody~")
            let ends = [
                "{\"token\":\"\(claims[0].token)\",\"outcome\":\"complete\",\"result\":[1]}",
                "{\"token\":\"\(claims[1].token)\",\"outcome\":\"fail\",\"error\":{\"message\":\"x\"}}",
                "{\"token\":\"\(claims[2].token)\",\"outcome\":\"release\",\"delay_seconds\":600}",
                "{\"token\":\"\(claims[3].token)\",\"outcome\":\"snooze\",\"delay_seconds\":600}",
                "{\"token\":\"\(gone)\",\"outcome\":\"complete\"}",
                "{\"token\":\"\(claims[0].token)\",\"outcome\":\"complete\",\"result\":[1]}",
                "{\"token\":\"\(claims[4].token)*\",\"outcome\":\"complete\"}",
                "{\"token\":\"\(claims[4].token)\",\"outcome\":\"explode\"}",
            ]
            let body = "{\"settlements\":[\(ends.joined(separator: ","))],\"claim\":{\"queues\":[\"q\"],\"max\":10}}"
            let answer = try await server.post("/api/v1/claims/settle", body)
            #expect(answer.status == 200, "\(answer.text)")
            let rows = answer.list("results")
            #expect(
                rows.map { $0["status"] as? String } == [
                    "settled", "settled", "settled", "settled", "job-gone", "settled", "invalid", "invalid",
                ])
            #expect(rows.map { $0["index"] as? Int } == Array(0..<8))
            #expect(
                rows.prefix(4).map { $0["state"] as? String } == ["completed", "retrying", "retrying", "retrying"])
            #expect(rows[1]["run_at"] is String)
            let errors = rows[7]["errors"] as? [[String: Any]]
            #expect(errors?.first?["pointer"] as? String == "#/settlements/7/outcome")
            #expect(answer.claims.map(\.id) == ["j5"])
            #expect(try await server.job("j0").json["output"] as? [Int] == [1])
            let waiting = try await server.post(
                "/api/v1/claims/settle",
                "{\"settlements\":[],\"claim\":{\"queues\":[\"q\"],\"wait_seconds\":0.1}}")
            #expect(waiting.status == 200 && waiting.claims.isEmpty)
        }
    }

    @Test func `a worker stands in the list of workers while it waits and works, and its end gives back what it holds`()
        async throws
    {
        let (work, admin) = (try newToken("py", [.work]), try newToken("admin"))
        try await withServer(tokens: "\(work.line)\n\(admin.line)") { server in
            let (worker, admins) = (server.with(token: work.secret), server.with(token: admin.secret))
            func shown() async throws -> [String: Any]? {
                try await admins.get("/api/v1/workers").list("workers").first { $0["id"] as? String == "w1" }
            }
            func info() async throws -> [String: Any]? {
                ((try await shown())?["queues"] as? [[String: Any]])?.first?["info"] as? [String: Any]
            }
            let card = #","worker_id":"w1","worker":{"language":"python","version":"3.11","host":"h","pid":7}"#
            #expect(try await worker.ask(card).status == 204)
            try await eventually("it is listed") {
                // A worker that says nothing for long is not alive any more.
                _ = try await worker.ask(card)
                return try await shown()?["alive"] as? Bool == true
            }
            let first = try #require(try await info())
            #expect(first["language"] as? String == "python" && first["version"] as? String == "3.11")
            #expect(first["host"] as? String == "h" && first["pid"] as? Int == 7)
            #expect(first["state"] as? String == "running" && first["busy"] as? Int == 0)

            for id in ["a", "b", "c"] { try await admins.push(id, #","unique_key":"u-\#(id)""#) }
            let held = try await worker.take(2, #","worker_id":"w1""#)
            let others = try await worker.take(1, #","worker_id":"w2""#)
            try await eventually("its jobs are listed") {
                // What a claim reports in the background may come after a heartbeat.
                _ = try await worker.post("/api/v1/workers/w1/heartbeat", Self.leases(held.map(\.token)))
                let now = try await info()
                return now?["busy"] as? Int == 2 && now?["jobs"] as? [String] == ["a", "b"]
            }

            // Another caller's worker of the same name holds other leases.
            #expect(try await admins.send(.DELETE, "/api/v1/workers/w1").int("released") == 0)
            #expect(try await info()?["state"] as? String == "running")
            let end = try await worker.send(.DELETE, "/api/v1/workers/w1")
            #expect(end.status == 200 && end.int("released") == 2, "\(end.text)")
            for id in ["a", "b"] {
                let job = try await admins.job(id)
                #expect(job["state"] == "queued" && job.int("failures") == 0 && job.int("lost") == 0)
            }
            #expect(try await admins.job("c")["state"] == "active")
            #expect(try await info()?["state"] as? String == "stopped")
            #expect(try await worker.end(others[0], "complete").status == 200)
            #expect(try await worker.send(.DELETE, "/api/v1/workers/w1").int("released") == 0)
        }
    }

    @Test func `log lines name job, type, attempt and worker, and never a payload, a result or a token`() async throws {
        let lines = LogLines(.debug)
        try await withServer(logger: lines.logger) { server in
            try await server.push("a", #","payload":"secret-payload""#)
            let claim = try await server.take(1, #","worker_id":"w1""#)[0]
            _ = try await server.end(claim, "fail", #"{"error":{"message":"boom"},"retry_after_seconds":0}"#)
            let again = try await server.take(1, #","worker_id":"w1""#)[0]
            _ = try await server.end(again, "complete", #"{"result":"secret-result"}"#)
            let text = lines.all.joined(separator: "\n")
            let finished = lines.all.filter { $0.hasPrefix("attempt finished") }
            #expect(finished.count == 2)
            for (line, attempt) in zip(finished, 1...2) {
                for word in ["job_id=a", "queue=q", "type=t", "worker_id=w1", "attempt=\(attempt)"] {
                    #expect(line.contains(word), "\(line)")
                }
            }
            #expect(finished[0].contains("outcome=retried") && finished[0].contains("error=boom"))
            #expect(finished[1].contains("outcome=completed"))
            #expect(!text.contains("secret-") && !text.contains(claim.token))
            let nonce = try #require(ClaimToken(claim.token)).nonce.description
            #expect(!text.contains(nonce))
        }
    }
}
