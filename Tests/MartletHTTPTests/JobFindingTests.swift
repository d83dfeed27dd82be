// Finding jobs over HTTP: filters of the list, how far a call looks, and what is refused.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@Suite struct JobFindingTests {
    @discardableResult
    private func push(_ server: TestServer, _ id: String, _ more: String = "") async throws -> String {
        let answer = try await server.post("/api/v1/jobs", #"{"id":"\#(id)","type":"t"\#(more)}"#)
        try #require(answer.status == 201, "\(answer.text)")
        return id
    }

    private func ids(_ answer: Answer) -> [String] { answer.list("jobs").compactMap { $0["id"] as? String } }

    private func find(_ server: TestServer, _ query: String) async throws -> [String] {
        let answer = try await server.get("/api/v1/jobs?\(query)")
        #expect(answer.status == 200, "\(query): \(answer.text)")
        let scanned = try #require(answer.json["scanned"] as? [String: Any], "\(query)")
        #expect(scanned["complete"] as? Bool == true && answer.json["next_cursor"] is NSNull)
        return ids(answer)
    }

    @Test func `every filter finds its jobs, over all queues or in one, and all of them together`() async throws {
        try await withServer { server in
            try await push(server, "a", #","queue":"mail","tags":["blue"],"unique_key":"k","payload":{"to":{"id":7}}"#)
            try await push(server, "b", #","queue":"mail","tags":["blue","red"],"payload":{"note":"Hello WORLD"}"#)
            try await push(server, "c", #","queue":"ship","tags":["red"],"payload":{"to":{"id":"7"},"on":true}"#)
            let queue = server.harness.queue("ship")
            let claimed = try #require(try await server.claim(from: queue).first)
            try await server.settle(claimed, .failedForGood(error: "port 7 is closed"), in: queue)
            #expect(try await find(server, "tag=blue") == ["a", "b"])
            #expect(try await find(server, "tag=red&queue=ship") == ["c"])
            #expect(try await find(server, "unique_key=k") == ["a"])
            #expect(try await find(server, "payload.to.id=7") == ["a", "c"])
            #expect(try await find(server, "payload.to.id=7&payload.on=true") == ["c"])
            #expect(try await find(server, "q=world") == ["b"])
            #expect(try await find(server, "q=IS%20Closed") == ["c"])
            #expect(try await find(server, "type=t&state=failed") == ["c"])
            #expect(try await find(server, "created_after=2999-01-01T00:00:00Z") == [])
            #expect(try await find(server, "created_before=2999-01-01T00:00:00%2B01:00&tag=blue") == ["a", "b"])
            let job = try await server.get("/api/v1/jobs/c")
            let fingerprint = try #require(job["error_fingerprint"])
            #expect(fingerprint == ErrorFingerprint.of("port 8 is closed"))
            #expect(try await find(server, "error=\(fingerprint)") == ["c"])
            #expect(try await find(server, "error=000000000000") == [])
            #expect(try await find(server, "error=\(fingerprint)&tag=blue") == [])
            let plain = try await server.get("/api/v1/jobs?state=queued")
            #expect(plain.json["scanned"] == nil, "a list by state looks at no other jobs")
        }
    }

    @Test func `the id of a job finds it at once, also where two queues have it`() async throws {
        try await withServer { server in
            try await push(server, "twin", #","queue":"a""#)
            try await push(server, "twin", #","queue":"b""#)
            try await push(server, "other", #","queue":"b","payload":"twin""#)
            for query in ["q=twin", "q=twin&type=t"] {
                let answer = try await server.get("/api/v1/jobs?\(query)")
                #expect(answer.list("jobs").compactMap { $0["queue"] as? String } == ["a", "b"])
                #expect((answer.json["scanned"] as? [String: Any])?["examined"] as? Int == 2)
            }
            #expect(try await find(server, "q=twin&queue=b") == ["twin"])
            #expect(try await find(server, "q=twin&type=x") == [])
            #expect(try await find(server, "q=twi&queue=b") == ["twin", "other"])
        }
    }

    @Test func `a search goes on by its cursor until it has looked at all, and finds each job once`() async throws {
        try await withServer { server in
            for queue in ["a", "b"] {
                let jobs = (0..<600).map { NewJob(type: "t", payload: Array("\($0)".utf8), tags: ["n\($0 % 100)"]) }
                _ = try await server.harness.queue(queue).enqueue(jobs)
            }
            var (found, examined, pages, cursor) = ([String](), 0, 0, "")
            repeat {
                let page = try await server.get("/api/v1/jobs?tag=n7&limit=5\(cursor)")
                found += ids(page)
                let scanned = try #require(page.json["scanned"] as? [String: Any])
                #expect(scanned["of"] as? Int == 1200)
                #expect(scanned["complete"] as? Bool == (page["next_cursor"] == nil))
                examined += scanned["examined"] as? Int ?? 0
                pages += 1
                cursor = page["next_cursor"].map { "&cursor=\($0)" } ?? ""
            } while !cursor.isEmpty && pages < 100
            #expect(found.count == 12 && Set(found).count == 12)
            #expect(examined == 1200)
        }
    }

    @Test(arguments: [
        ("tag=", "?tag"), ("tag=%0A", "?tag"), ("unique_key=", "?unique_key"), ("q=", "?q"), ("q=%00", "?q"),
        ("created_after=yesterday", "?created_after"), ("created_before=2026-01-01", "?created_before"),
        ("created_after=2026-01-02T00:00:00Z&created_before=2026-01-02T00:00:00Z", "?created_before"),
        ("error=ABC", "?error"), ("error=0123456789AB", "?error"), ("state=odd&q=x", "?state"),
        ("payload=1", "?payload"), ("payload.=1", "?payload."), ("payload.a..b=1", "?payload.a..b"),
        ("payload.a=1&payload.a=2", "?payload.a"), ("payloads.a=1", "?payloads.a"), ("tag.a=1", "?tag.a"),
    ])
    func `a bad filter is 422 with the name of its parameter`(query: String, place: String) async throws {
        try await withServer { server in
            let answer = try await server.get("/api/v1/jobs?\(query)")
            #expect(answer.status == 422 && answer.pointers == [place], "\(answer.text)")
        }
    }

    @Test func `more than eight values of a payload, and texts that are too long, are 422`() async throws {
        try await withServer { server in
            let nine = (0..<9).map { "payload.a\($0)=1" }.joined(separator: "&")
            #expect(try await server.get("/api/v1/jobs?\(nine)").pointers == ["?payload.a8"])
            let long = String(repeating: "x", count: 257)
            #expect(try await server.get("/api/v1/jobs?q=\(long)").pointers == ["?q"])
            #expect(try await server.get("/api/v1/jobs?payload.a=\(long)").status == 422)
            let both = try await server.get("/api/v1/jobs?q=\(long)&tag=")
            #expect(both.pointers == ["?tag", "?q"], "all faults at once")
        }
    }

    @Test func `a token finds jobs of its queues alone`() async throws {
        let token = try newToken(nil, [.read], "a*")
        try await withServer(tokens: token.line) { server in
            for queue in ["ab", "b"] {
                let job = NewJob(type: "t", payload: Array(#""secret""#.utf8), tags: [queue])
                _ = try await server.harness.queue(queue).enqueue(job)
            }
            let reader = server.with(token: token.secret)
            let found = try await reader.get("/api/v1/jobs?q=secret")
            #expect(found.list("jobs").compactMap { $0["queue"] as? String } == ["ab"])
            #expect((found.json["scanned"] as? [String: Any])?["of"] as? Int == 1)
            #expect(try await reader.get("/api/v1/jobs?q=secret&queue=b").status == 403)
        }
    }
}
