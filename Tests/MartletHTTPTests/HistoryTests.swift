// GET /api/v1/queues/{queue}/history.

import Foundation
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct HistoryTests {
    @Test func `a queue has a history of rates and depths, in steps as long as it allows`() async throws {
        try await withServer { server in
            #expect(try await server.get("/api/v1/queues/mail/history").status == 404)
            let queue = server.harness.queue("mail")
            try await queue.create()
            // 90 jobs in the middle of nine minutes.
            for index in 0..<108 {
                try await server.harness.setClock(.seconds(5 * index), queue: "mail")
                _ = try await queue.sweep()
                guard (36..<72).contains(index), index % 2 == 0 else { continue }
                _ = try await queue.enqueue((0..<5).map { _ in NewJob(type: "t", payload: Array("{}".utf8)) })
            }
            let answer = try await server.get("/api/v1/queues/mail/history?step=60")
            #expect(answer.status == 200 && answer["queue"] == "mail" && answer.int("step_seconds") == 60)
            let points = answer.list("points")
            #expect(points.count == 60 && points[0]["pushed"] is NSNull && points[0]["queued"] is NSNull)
            let pushed = points.compactMap { $0["pushed"] as? Double }.reduce(0, +) * 60
            #expect(abs(pushed - 90) < 1, "\(pushed)")
            #expect(points.last?["queued"] as? Int == 90 && points.last?["active"] as? Int == 0)
            let ended = try #require(points.last?["at"] as? String)
            let earlier = try await server.get("/api/v1/queues/mail/history?step=60&to=\(ended)")
            #expect(earlier.list("points").count == 60 && earlier.list("points").last?["at"] as? String != ended)
        }
    }

    @Test func `the history of all queues is the sum of those that the caller sees`() async throws {
        try await withServer { server in
            #expect(try await server.get("/api/v1/history").int("queues") == 0)
            for index in 0..<10 {
                for (count, name) in [(3, "a"), (4, "b")] {
                    let queue = server.harness.queue(name)
                    try await server.harness.setClock(.seconds(4 * index), queue: name)
                    _ = try await queue.sweep()
                    guard index == 4 else { continue }
                    _ = try await queue.enqueue((0..<count).map { _ in NewJob(type: "t", payload: Array("{}".utf8)) })
                }
            }
            let answer = try await server.get("/api/v1/history?step=10")
            let points = answer.list("points")
            let pushed = points.compactMap { $0["pushed"] as? Double }.reduce(0, +) * 10
            #expect(answer.int("queues") == 2 && answer.int("of") == 2 && abs(pushed - 7) < 0.1, "\(pushed)")
            #expect(points.last?["queued"] as? Int == 7, "\(points)")
        }
    }

    @Test func `steps grow with the span, and wrong parameters change nothing`() async throws {
        try await withServer { server in
            try await server.harness.queue("mail").create()
            let month = try await server.get("/api/v1/queues/mail/history?step=1&from=2020-01-01T00:00:00Z")
            #expect(month.int("step_seconds") == 3000 && (800...1000).contains(month.list("points").count))
            for query in ["step=0", "step=x", "from=yesterday", "to=tomorrow", "step=86401"] {
                #expect(try await server.get("/api/v1/queues/mail/history?\(query)").status == 422, "\(query)")
            }
        }
    }

    @Test func `the history has the times of jobs that workers over HTTP ran, by type`() async throws {
        try await withServer { server in
            for type in ["t", "t", "t", "other"] {
                #expect(try await server.post("/api/v1/jobs", "{\"type\":\"\(type)\",\"queue\":\"q\"}").status == 201)
            }
            for claim in try await server.take(4) { #expect(try await server.end(claim, "complete").status == 200) }
            // Sent within a second or so; a step is shown when it is over.
            func counts(_ query: String) async throws -> [Int] {
                let points = try await server.get("/api/v1/queues/q/history\(query)").list("points")
                return ["wait", "run"].map { name in
                    points.reduce(0) { $0 + ((($1[name] as? [String: Any])?["count"] as? Int) ?? 0) }
                }
            }
            try await eventually("Redis has the times") {
                try await server.harness.command("EXISTS", server.harness.key("times", queue: "q")).int == 1
            }
            try await eventually(within: .seconds(60), "all times are shown") {
                try await server.harness.setClock(.seconds(30), queue: "q")
                return try await counts("") == [4, 4]
            }
            #expect(try await counts("?type=t") == [3, 3])
            #expect(try await counts("?type=other") == [1, 1])
            #expect(try await counts("?step=1") == [0, 0])
        }
    }
}
