// Over HTTP too, jobs run in the order of the requests, whatever their ids, and at the moment that was asked for.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct JobOrderTests {
    private static let ids = (0..<30).map { "job-\(8 + $0)" }

    /// Claims all jobs of the queue `default`.
    private static func line(_ server: TestServer) async throws -> [String] {
        try await server.claim(100, from: server.harness.queue("default")).map(\.id.description)
    }

    @Test func `a bulk push runs in its order`() async throws {
        try await withServer { server in
            let jobs = Self.ids.map { #"{"type":"t","id":"\#($0)"}"# }.joined(separator: ",")
            let answer = try await server.post("/api/v1/jobs/bulk", #"{"jobs":[\#(jobs)]}"#)
            #expect(answer.status == 201)
            #expect(try await Self.line(server) == Self.ids)
        }
    }

    @Test func `lines run in their order`() async throws {
        try await withServer { server in
            let lines = Self.ids.map { #"{"type":"t","id":"\#($0)","priority":700}"# }.joined(separator: "\n")
            let answer = try await server.send(.POST, "/api/v1/jobs/bulk", lines, type: "application/x-ndjson")
            #expect(answer.status == 201)
            #expect(try await Self.line(server) == Self.ids)
        }
    }

    @Test func `requests with idempotency keys run in their order`() async throws {
        try await withServer { server in
            var ids: [String] = []
            for number in 0..<30 {
                let key = [("Idempotency-Key", "order-\(number)")]
                let answer = try await server.post("/api/v1/jobs", #"{"type":"t"}"#, headers: key)
                ids.append(try #require(answer["id"]))
            }
            #expect(try await Self.line(server) == ids)
        }
    }

    @Test func `a retry of many runs in the order of their ids in the request`() async throws {
        try await withServer { server in
            for id in Self.ids.shuffled() {
                _ = try await server.post("/api/v1/jobs", #"{"type":"t","id":"\#(id)"}"#)
                _ = try await server.post("/api/v1/jobs/\(id)/cancel")
            }
            let list = Self.ids.map { "\"\($0)\"" }.joined(separator: ",")
            _ = try await server.post("/api/v1/jobs/actions", #"{"action":"retry","ids":[\#(list)]}"#)
            #expect(try await Self.line(server) == Self.ids)
        }
    }

    @Test func `a change to run_at is a moment of Redis' clock, and one that is too far away is refused`() async throws
    {
        try await withServer { server in
            let pushed = try await server.post("/api/v1/jobs", #"{"type":"t"}"#)
            let path = "/api/v1/jobs/\(try #require(pushed["id"]))"
            let moment = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 3600).rounded())
            let body = #"{"run_at":"\#(moment.ISO8601Format())"}"#
            let changed = try await server.send(.PATCH, path, body)
            #expect(changed["state"] == "scheduled")
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            #expect(try style.parse(try #require(changed["due_at"])) == moment)
            let far = try await server.send(.PATCH, path, #"{"run_at":"2999-01-01T00:00:00Z"}"#)
            #expect(far.status == 422)
            #expect(far.pointers.contains("/run_at"))
        }
    }
}
