// Where a problem says that a fault is, and what it says first.

import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP
@testable import MartletJSON

@Suite struct FieldPlaceTests {
    @Test(arguments: [
        (#"{"type":"t","odd":1}"#, "#/odd"), (#"{"type":"t","a/b~c":1}"#, "#/a~1b~0c"), ("[]", "#"),
        (#"{"type":"t","backoff":{"x y":1}}"#, "#/backoff/x%20y"), (#"{"type":"t","é\"":1}"#, "#/%C3%A9%22"),
        (#"{"type":"t","50%#":1}"#, "#/50%25%23"),
    ])
    func `a fault in the body has a pointer that is a URI fragment`(
        body: String, pointer: String
    ) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", body)
            #expect(answer.status == 422)
            #expect(answer.list("errors").compactMap { $0["pointer"] as? String } == [pointer])
        }
    }

    @Test func `a fault in the path, the query or a header has no pointer`() async throws {
        try await withServer { server in
            let paths = ["/api/v1/jobs/a%2Fb": "id", "/api/v1/jobs?limit=0": "limit", "/api/v1/queues/A": "queue"]
            for (path, parameter) in paths {
                let error = try #require(try await server.get(path).list("errors").first)
                #expect(error["parameter"] as? String == parameter)
                #expect(error["pointer"] == nil)
            }
        }
    }

    @Test(arguments: [
        (#"{"typ":"t"}"#, "/typ", "type"), (#"{"Type":"t"}"#, "/Type", "type"),
        (#"{"tpye":"t","priority":"x"}"#, "/tpye", "type"), (#"{"type":"t","payloda":{}}"#, "/payloda", "payload"),
        (#"{"type":"t","max_retry":{}}"#, "/max_retry", "max_retries"),
        (#"{"type":"t","backoff":{"jiter":1}}"#, "/backoff/jiter", "jitter"),
    ])
    func `the detail names a misspelt field and the nearest name`(
        body: String, place: String, meant: String
    ) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", body)
            #expect(answer.status == 422)
            #expect(answer["detail"] == "\(place) is not known here; did you mean \"\(meant)\"?")
        }
    }

    @Test func `a field that resembles none is unknown, and the detail names the missing one`() async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", #"{"wholly_other":1}"#)
            #expect(answer["detail"] == "/type is required")
            #expect(answer.pointers == ["/type", "/wholly_other"])
            #expect(answer.list("errors").last?["detail"] as? String == "is not known here")
            let query = try await server.get("/api/v1/jobs?stat=queued")
            #expect(query["detail"] == "?stat is not known here; did you mean \"state\"?")
        }
    }

    @Test func `suggestions are computed for at most a hundred misspelt names`() throws {
        let names = (0..<50_000).map { "\"typ\($0)\":1" }.joined(separator: ",")
        let text = try JSONText(Array("{\(names)}".utf8))
        let start = ContinuousClock.now
        var fields = Fields(text, JobModel.shape)
        for _ in 0..<20 { _ = fields.text("type") }
        #expect(fields.close().count == 100, "no more faults than that are told")
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `faults in lines name the line, counted from 1, and the place within it`() async throws {
        try await withServer { server in
            let lines = "\n{\"type\":\"t\"}\r\n   \n{\"type\":\"t\",\"priority\":\"x\"}\n{\"tipe\":\"t\"}"
            let each = try await server.send(.POST, "/api/v1/jobs/bulk", lines, type: "application/x-ndjson")
            let rows = each.list("results")
            #expect(rows.map { $0["index"] as? Int } == [0, 1, 2])
            #expect(rows.map { $0["line"] as? Int } == [nil, 4, 5])
            let errors = rows.compactMap { ($0["errors"] as? [[String: Any]])?.first }
            #expect(errors.map { $0["pointer"] as? String } == ["#/priority", "#/type"])
            #expect(errors.map { $0["line"] as? Int } == [4, 5])
            let all = try await server.send(.POST, "/api/v1/jobs/bulk?atomic=true", lines, type: "application/x-ndjson")
            #expect(all.status == 422)
            #expect(all["detail"] == "line 5: /tipe is not known here; did you mean \"type\"?", "\(all.text)")
            #expect(all.list("errors").map { $0["line"] as? Int } == [4, 5, 5])
        }
    }
}
