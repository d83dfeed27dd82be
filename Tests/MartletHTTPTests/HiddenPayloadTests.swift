// Hidden fields of payloads over HTTP: nobody but a worker sees them, and no filter tells them.

import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct HiddenPayloadTests {
    private static let job = #"{"type":"mail","queue":"q","id":"a","payload":{"to":"ada","pin":"s3cret-4711"}}"#

    private static func withHidden(
        _ rules: String, _ body: @concurrent @Sendable (TestServer) async throws -> Void
    ) async throws {
        let redaction = try #require(Redaction(rules))
        try await withServer(settings: { $0.redaction = redaction }, body)
    }

    @Test func `no answer shows a hidden value, and a worker gets it`() async throws {
        try await Self.withHidden("mail=pin") { server in
            var answers = [try await server.post("/api/v1/jobs", Self.job)]
            answers.append(try await server.post("/api/v1/jobs", Self.job))
            answers.append(try await server.get("/api/v1/jobs/a"))
            answers.append(try await server.post("/api/v1/jobs/a/pause"))
            answers.append(try await server.send(.PATCH, "/api/v1/jobs/a", #"{"priority":3}"#))
            answers.append(
                try await server.send(.PATCH, "/api/v1/jobs/a", #"{"payload":{"to":"ada","pin":"s3cret-4712"}}"#))
            answers.append(try await server.post("/api/v1/jobs/a/clone", #"{"id":"b"}"#))
            answers.append(try await server.post("/api/v1/jobs/a/resume"))
            var digests: Set<String> = []
            for answer in answers {
                #expect((200..<300).contains(answer.status) && !answer.text.contains("s3cret"), "\(answer.text)")
                let payload = try #require(answer.json["payload"] as? [String: String])
                #expect(payload["to"] == "ada" && payload["pin"]?.hasPrefix("REDACTED:") == true, "\(answer.text)")
                digests.insert(payload["pin"] ?? "")
            }
            #expect(digests.count == 2, "one digest for each value: \(digests)")
            #expect(answers.last?.list("earlier_payloads").count == 1, "its fields are hidden, too")
            let lists = [
                try await server.get("/api/v1/jobs"), try await server.get("/api/v1/jobs?q=ada"),
                try await server.get("/api/v1/audit"),
            ]
            for list in lists { #expect(list.status == 200 && !list.text.contains("s3cret"), "\(list.text)") }
            let claimed = try await server.post("/api/v1/claims", #"{"queues":["q"]}"#)
            #expect(claimed.text.contains("s3cret-4712"), "\(claimed.text)")
            let own = try await server.harness.queue("q").job(try JobID(validating: "a"))
            #expect(own?.payload == Array(#"{"to":"ada","pin":"s3cret-4712"}"#.utf8))
        }
    }

    @Test func `filters do not tell hidden values`() async throws {
        try await Self.withHidden("mail=pin,card.number") { server in
            try #require(try await server.post("/api/v1/jobs", Self.job).status == 201)
            for path in ["pin", "pin.x", "card", "card.0.number"] {
                let answer = try await server.get("/api/v1/jobs?payload.\(path)=s3cret-4711")
                #expect(answer.status == 422 && answer.pointers == ["?payload.\(path)"], "\(answer.text)")
                let filter = #"{"action":"pause","dry_run":true,"filter":{"payload":{"\#(path)":"s3cret-4711"}}}"#
                let action = try await server.post("/api/v1/jobs/actions", filter)
                #expect(action.status == 422 && action.pointers == ["/filter/payload/\(path)"], "\(action.text)")
            }
            for (query, count) in [
                ("q=s3cret", 0), ("q=ada", 1), ("q=redacted", 1), ("payload.to=ada", 1),
                ("type=other&payload.pin=x", 0),
            ] {
                let found = try await server.get("/api/v1/jobs?" + query)
                #expect(found.status == 200 && found.list("jobs").count == count, "\(query): \(found.text)")
            }
            let text = #"{"action":"pause","dry_run":true,"filter":{"q":"s3cret"}}"#
            #expect(try await server.post("/api/v1/jobs/actions", text).int("matched") == 0)
        }
    }

    @Test func `a shown digest never takes the place of a value`() async throws {
        try await Self.withHidden("pin") { server in
            let shown = try await server.post("/api/v1/jobs", Self.job)
            let payload = try #require(shown.json["payload"] as? [String: String])
            let copy = "{\"payload\":{\"to\":\"bob\",\"pin\":\"\(payload["pin"] ?? "")\"}}"
            let patch = try await server.send(.PATCH, "/api/v1/jobs/a", copy)
            #expect(patch.status == 422 && patch.pointers == ["/payload"], "\(patch.text)")
            #expect(try await server.post("/api/v1/jobs/a/clone", copy).status == 422)
            let job = try await server.harness.queue("q").job(try JobID(validating: "a"))
            #expect(job?.payload == Array(#"{"to":"ada","pin":"s3cret-4711"}"#.utf8))
        }
    }

    @Test func `two servers of one installation show the same digest, and another installation another`() async throws {
        let rules = try #require(Redaction("pin"))
        @Sendable func digest(_ store: JobStore) async throws -> [UInt8] {
            let fields = try await HiddenPayloads(rules, store).fields()
            return try #require(fields).shown(Array(#"{"pin":1}"#.utf8), type: "t")
        }
        try await withStore { one in
            let first = try await digest(one.store)
            let again = try await digest(one.store)
            #expect(again == first)
            try await withStore { other in
                let second = try await digest(other.store)
                #expect(second != first)
            }
        }
    }
}
