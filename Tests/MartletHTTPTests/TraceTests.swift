// The trace context of requests: kept with their jobs, handed to workers, no part of what a request asks for.

import Foundation
import InMemoryTracing
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing
import Tracing

@testable import MartletHTTP
@testable import MartletQueue

@Suite struct TraceTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    /// Every printable character, blanks in odd places, and no order.
    private static let state =
        "z=1,a=2 , m@v=" + String((0x21...0x7E).map { Character(Unicode.Scalar(UInt8($0))) })
    private static let headers = [("traceparent", parent), ("tracestate", state)]

    @Test func `the headers of a push are kept with the job and reach its worker, byte for byte`() async throws {
        try await withServer { server in
            let answer = try await server.post(
                "/api/v1/jobs", #"{"type":"t","queue":"q","id":"a"}"#, headers: Self.headers)
            #expect(answer.status == 201, "\(answer.text)")
            #expect(answer["traceparent"] == Self.parent && answer["tracestate"] == Self.state)
            let job = try await server.get("/api/v1/jobs/a")
            #expect(job["traceparent"] == Self.parent && job["tracestate"] == Self.state)
            let claim = try #require(try await server.take().first)
            #expect(claim.job["traceparent"] as? String == Self.parent)
            #expect(claim.job["tracestate"] as? String == Self.state)
            _ = try await server.end(claim, "fail", #"{"error":{"message":"e"},"retryable":false}"#)
            #expect(try await server.post("/api/v1/jobs/a/retry").status == 200)
            let again = try #require(try await server.take().first)
            #expect(again.job["tracestate"] as? String == Self.state, "a retry belongs to the trace of its push")
        }
    }

    @Test func `a job without a trace has no field for it`() async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q","id":"a"}"#)
            #expect(answer.json["traceparent"] == nil && answer.json["tracestate"] == nil)
            let names = try await server.harness.command("HKEYS", server.harness.key("job:a")).array ?? []
            #expect(!names.compactMap(\.string).contains("z"))
        }
    }

    @Test func `the jobs of a bulk push have the headers' context, or their own`() async throws {
        try await withServer { server in
            let body = """
                {"jobs":[{"type":"t","queue":"q","id":"a"},
                {"type":"t","queue":"q","id":"b","traceparent":"\(Self.other)"},
                {"type":"t","queue":"q","id":"c","traceparent":"\(Self.other)","tracestate":"own=1"},
                {"type":"t","queue":"q","id":"d","traceparent":null}]}
                """
            #expect(try await server.post("/api/v1/jobs/bulk", body, headers: Self.headers).status == 201)
            let lines = "{\"type\":\"t\",\"queue\":\"q\",\"id\":\"e\"}\n"
            let answer = try await server.send(
                .POST, "/api/v1/jobs/bulk", lines, type: "application/x-ndjson", headers: Self.headers)
            #expect(answer.status == 201)
            let expected = [
                "a": (Self.parent, Self.state), "b": (Self.other, nil), "c": (Self.other, "own=1"),
                "d": (Self.parent, Self.state), "e": (Self.parent, Self.state),
            ]
            for (id, (parent, state)) in expected {
                let job = try await server.get("/api/v1/jobs/\(id)")
                #expect(job["traceparent"] == parent && job["tracestate"] == state, "\(id)")
            }
        }
    }

    @Test(arguments: [
        [("traceparent", "nonsense"), ("tracestate", "a=1")], [("traceparent", parent.uppercased())],
        [("traceparent", "ff" + parent.dropFirst(2))], [("traceparent", parent + "-later")], [("tracestate", "a=1")],
        [("traceparent", parent), ("traceparent", other)], [("traceparent", "")],
    ])
    func `a header that is no traceparent is ignored, and the job is pushed`(headers: [(String, String)]) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", #"{"type":"t"}"#, headers: headers)
            #expect(answer.status == 201, "\(answer.text)")
            #expect(answer.json["traceparent"] == nil && answer.json["tracestate"] == nil)
        }
    }

    @Test func `a tracestate that is too long is dropped, and several headers of it are joined`() async throws {
        try await withServer { server in
            let long = [("traceparent", Self.parent), ("tracestate", String(repeating: "a", count: 513))]
            let first = try await server.post("/api/v1/jobs", #"{"type":"t"}"#, headers: long)
            #expect(first["traceparent"] == Self.parent && first.json["tracestate"] == nil)
            let two = [("traceparent", Self.parent), ("tracestate", "a=1"), ("tracestate", "b=2")]
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t"}"#, headers: two)["tracestate"] == "a=1, b=2")
        }
    }

    @Test(arguments: [
        (#""traceparent":"nonsense""#, "/traceparent"), (#""traceparent":7"#, "/traceparent"),
        (#""traceparent":"\#(parent)-""#, "/traceparent"), (#""tracestate":"a=1""#, "/tracestate"),
        (#""traceparent":null,"tracestate":"a=1""#, "/tracestate"),
        (#""traceparent":"\#(parent)","tracestate":"é""#, "/tracestate"),
        (#""traceparent":"\#(parent)","tracestate":"""#, "/tracestate"),
        (#""traceparent":"\#(parent)","tracestate":"\#(String(repeating: "a", count: 513))""#, "/tracestate"),
    ])
    func `a bad field is 422 and named, and nothing is pushed`(fields: String, pointer: String) async throws {
        try await withServer { server in
            let answer = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\(fields)}", headers: Self.headers)
            #expect(answer.status == 422, "\(answer.text)")
            #expect(answer.list("errors").first?["pointer"] as? String == "#" + pointer)
            #expect(try await server.store.queueNames().isEmpty)
        }
    }

    @Test func `a repeat from another span is the same request, and keeps the first one's context`() async throws {
        try await withServer { server in
            let key = [("Idempotency-Key", "k")]
            let others = [("traceparent", Self.other)]
            let inBody = #","traceparent":"\#(Self.other)","tracestate":"x=1""#
            for (body, more) in [(#"{"type":"t","id":"a""#, []), (#"{"type":"t""#, key)] {
                let first = try await server.post("/api/v1/jobs", body + "}", headers: Self.headers + more)
                #expect(first.status == 201, "\(first.text)")
                for (fields, headers) in [("", others), ("", []), (inBody, [])] {
                    let again = try await server.post("/api/v1/jobs", body + fields + "}", headers: headers + more)
                    #expect(again.status == 200 && again["id"] == first["id"], "\(again.text)")
                    #expect(again["traceparent"] == Self.parent && again["tracestate"] == Self.state)
                }
            }
        }
    }

    @Test func `the same lines from other spans are the same request`() async throws {
        try await withServer { server in
            func push(_ trace: String) async throws -> Answer {
                let lines = "{\"type\":\"t\",\"payload\":1\(trace)}\n\n{\"type\":\"t\",\"payload\":2\(trace)}\n"
                return try await server.send(
                    .POST, "/api/v1/jobs/bulk", lines, type: "application/x-ndjson",
                    headers: [("Idempotency-Key", "k")])
            }
            let first = try await push(#","traceparent":"\#(Self.parent)""#)
            let second = try await push(#","traceparent":"\#(Self.other)""#)
            #expect(first.status == 201 && second.status == 200, "\(second.text)")
            #expect(second.int("existing") == 2)
            let third = try await push(#","priority":1"#)
            #expect(third.status == 422 && third["code"] == "idempotency-key-reused")
        }
    }

    @Test func `a clone belongs to the trace of the request that made it`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q","id":"a"}"#, headers: Self.headers)
            let plain = try await server.post("/api/v1/jobs/a/clone")
            #expect(plain.status == 201 && plain.json["traceparent"] == nil)
            let traced = try await server.post("/api/v1/jobs/a/clone", headers: [("traceparent", Self.other)])
            #expect(traced["traceparent"] == Self.other && traced.json["tracestate"] == nil)
            let own = try await server.post(
                "/api/v1/jobs/a/clone", #"{"traceparent":"\#(Self.parent)","tracestate":"c=1"}"#)
            #expect(own["traceparent"] == Self.parent && own["tracestate"] == "c=1")
        }
    }

    @Test func `downloads keep the headers of their push, alone and in a batch`() async throws {
        try await withServer { server in
            let one = try await server.post(
                "/api/downloads", #"{"url":"https://a.example/x"}"#, headers: Self.headers)
            let many = try await server.post(
                "/api/downloads/batch", #"{"downloads":[{"url":"https://a.example/y"}]}"#, headers: Self.headers)
            for id in [try #require(one["id"]), try #require(many.strings("job_ids").first)] {
                let job = try await server.get("/api/v1/jobs/\(id)?queue=downloads")
                #expect(job["traceparent"] == Self.parent && job["tracestate"] == Self.state)
            }
        }
    }

    @Test func `a server with a tracer has a span for each push, below that of the request`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withServer { server in
                // The client must not be traced, which would add headers of its own.
                func push(_ path: String, _ body: String, _ headers: [(String, String)]) async throws -> Answer {
                    try await Task.detached { try await server.post(path, body, headers: headers) }.value
                }
                let one = try await push("/api/v1/jobs", #"{"type":"t","queue":"q"}"#, Self.headers)
                #expect(one["traceparent"] == Self.parent && one["tracestate"] == Self.state, "kept as it came")
                let below = try #require(tracer.ended("send q").last)
                #expect("00-\(below.traceID)-\(below.parentSpanID ?? "")-01" == Self.parent)
                #expect(below.kind == .producer && below.text("messaging.message.id") == one["id"])

                let two = try await push("/api/v1/jobs", #"{"type":"t","queue":"q"}"#, [])
                let root = try #require(tracer.ended("send q").last)
                #expect(two["traceparent"] == root.traceparent && root.parentSpanID == nil, "that of the server's span")

                let body = #"{"jobs":[{"type":"t","queue":"q"},{"type":"t","queue":"q"}]}"#
                let many = try await push("/api/v1/jobs/bulk", body, Self.headers)
                #expect(many.int("created") == 2)
                let batch = try #require(tracer.ended("send q").last)
                #expect(batch.number("messaging.batch.message_count") == 2)
                #expect("00-\(batch.traceID)-\(batch.parentSpanID ?? "")-01" == Self.parent)
            }
        }
    }
}
