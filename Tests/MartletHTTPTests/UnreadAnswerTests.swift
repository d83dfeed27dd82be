// Clients that ask for large answers and do not read them.

import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct UnreadAnswerTests {
    private static let request = "GET /api/v1/jobs/large HTTP/1.1\r\nHost: localhost\r\n\r\n"

    /// Pushes the job, not over HTTP: the answer would be large too, and would have to be read in time.
    private static func push(_ server: TestServer) async throws {
        let payload = Array("\"\(String(repeating: "x", count: 250_000))\"".utf8)
        let job = NewJob(id: try #require(JobID("large")), type: "t", payload: payload)
        _ = try await server.harness.queue("default").enqueue(job)
    }

    @Test func `unread answers have a limit, and the oldest unread connection is closed`() async throws {
        // Redis has time for all of the large answers, so that only the bound can refuse one.
        let url = try await SharedRedis.url()
        try await withServer(
            url: url, commandTimeout: .seconds(60), settings: { $0.answerBudget = 2 << 20 }
        ) { server in
            try await Self.push(server)
            var stalled: [HeldConnection] = []
            for _ in 0..<30 {
                let connection = try await HeldConnection(port: server.port, reads: false)
                try await connection.send(String(repeating: Self.request, count: 20))
                stalled.append(connection)
            }
            for _ in 0..<3 {
                try await eventually("a reader is answered all the same") {
                    // On a busy machine a reader may be so slow that it is closed as well.
                    guard let answer = try? await server.get("/api/v1/jobs/large") else { return false }
                    if answer.status == 200 { return answer.body.count > 250_000 }
                    #expect(answer.status == 503 && answer["code"] == "answers-full", "\(answer.text)")
                    #expect(answer.headers["retry-after"] == ["1"] && answer["outcome"] == "not-executed")
                    return false
                }
            }
            let all = stalled
            try await eventually("one that does not read is closed for that") {
                for connection in all where (try? await connection.send("x")) == nil { return true }
                return false
            }
        }
    }

    @Test func `a large answer has a deadline, however steadily it is read`() async throws {
        try await withServer(settings: { $0.answerDeadline = .milliseconds(500) }) { server in
            try await Self.push(server)
            let connection = try await HeldConnection(port: server.port, reads: false)
            try await connection.send(String(repeating: Self.request, count: 40))
            try await eventually(within: .seconds(40), "it is cut off") {
                (try? await connection.send("x")) == nil
            }
            try await eventually("who reads it in time gets it") {
                (try? await server.get("/api/v1/jobs/large").body.count) ?? 0 > 250_000
            }
        }
    }

    @Test func `the answer to a write is sent in any case`() async throws {
        try await withServer(settings: { $0.answerBudget = 1 }) { server in
            let jobs = Array(repeating: #"{"type":"t"}"#, count: 500).joined(separator: ",")
            let answer = try await server.post("/api/v1/jobs/bulk", "{\"jobs\":[\(jobs)]}")
            #expect(answer.status == 201 && answer.list("results").count == 500)
            #expect(try await server.get("/api/v1/jobs?limit=200")["code"] == "answers-full")
        }
    }
}
