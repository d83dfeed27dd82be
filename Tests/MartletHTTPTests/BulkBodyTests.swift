// Bulk bodies that are made to cost more than they are worth: too many items, too many faults, too many at once.

import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct BulkBodyTests {
    private static let lines = "application/x-ndjson"

    @Test(arguments: ["1\n", "\n", "{}\n", "[]\n"])
    func `megabytes of meaningless items are refused in time`(_ item: String) async throws {
        try await withServer { server in
            let body = String(repeating: item, count: (2 << 20) / item.utf8.count)
            let start = ContinuousClock.now
            let answer = try await server.send(.POST, "/api/v1/jobs/bulk", body, type: Self.lines)
            #expect(answer.status == 422)
            #expect(answer.list("errors").count <= 100)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }

    @Test func `one item too many is 413, however many follow`() async throws {
        try await withServer(settings: { $0.batchLimit = 1000 }) { server in
            let count = 20_000
            let lines = String(repeating: "{\"type\":\"t\"}\n", count: count)
            let list = Array(repeating: #"{"type":"t"}"#, count: count).joined(separator: ",")
            for (body, type) in [(lines, Self.lines), ("{\"jobs\":[\(list)]}", "application/json")] {
                let answer = try await server.send(.POST, "/api/v1/jobs/bulk", body, type: type)
                #expect(answer.status == 413 && answer.int("limit") == 1000, "\(answer.text)")
            }
            let numbers = Array(repeating: "1", count: count).joined(separator: ",")
            for (path, body) in [
                ("/api/v1/jobs/actions", "{\"action\":\"cancel\",\"ids\":[\(numbers)]}"),
                ("/api/downloads/batch", "{\"track_ids\":[\(numbers)]}"),
                ("/api/downloads/batch", "{\"downloads\":[\(numbers)]}"),
                ("/api/downloads/batch-action", "{\"action\":\"cancel\",\"download_ids\":[\(numbers)]}"),
            ] {
                #expect(try await server.post(path, body).status == 413, "\(path)")
            }
            #expect(try await server.store.queueNames().isEmpty, "nothing was pushed")
        }
    }

    @Test func `reading a batch stops after a hundred faulty jobs, and nothing is pushed`() async throws {
        try await withServer { server in
            let good = Array(repeating: #"{"type":"t"}"#, count: 50)
            func answer(faulty: Int) async throws -> Answer {
                let lines = good + Array(repeating: #"{"type":""}"#, count: faulty) + good
                return try await server.send(
                    .POST, "/api/v1/jobs/bulk", lines.joined(separator: "\n"), type: Self.lines)
            }
            let refused = try await answer(faulty: 100)
            #expect(refused.status == 422 && refused.pointers.count == 100, "\(refused.text)")
            #expect(refused["detail"]?.contains("stopped after 100") ?? false)
            #expect(try await server.store.queueNames().isEmpty)
            let accepted = try await answer(faulty: 99)
            #expect(accepted.status == 201 && accepted.int("created") == 100 && accepted.int("failed") == 99)
        }
    }

    @Test func `large bodies beyond the budget are refused until others are released, small ones never`()
        async throws
    {
        try await withServer(settings: { $0.bodyBudget = 1_200_000 }) { server in
            let payload = String(repeating: "x", count: 200_000)
            let large = "[" + Array(repeating: "\"\(payload)\"", count: 3).joined(separator: ",") + "]"
            let job = "{\"type\":\"t\",\"payload\":\"\(payload)\"}"
            let body = "{\"jobs\":[\(job),\(job)]}"
            #expect(try await server.post("/api/v1/jobs/bulk", body).status == 201)
            // Senders that stop before the end of their bodies; the budget admits two of them.
            let head =
                "POST /api/v1/jobs/bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(large.utf8.count + 10)\r\n\r\n"
            var stalled: [HeldConnection] = []
            try await eventually("no budget is left for a large body") {
                let connection = try await HeldConnection(port: server.port)
                try? await connection.send(head + large)
                stalled.append(connection)
                // A client that is too slow to read its refusal while it still sends sees the connection end.
                guard let answer = try? await server.post("/api/v1/jobs/bulk", body) else { return false }
                if answer.status == 201 { return false }
                #expect(answer.status == 503 && answer["code"] == "bodies-full", "\(answer.text)")
                #expect(answer["outcome"] == "not-executed" && answer.headers["retry-after"] == ["1"])
                return true
            }
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t"}"#).status == 201)
            for connection in stalled { try? await connection.close() }
            try await eventually("there is room again") {
                (try? await server.post("/api/v1/jobs/bulk", body))?.status == 201
            }
        }
    }
}
