// What callers and handlers write into a job comes back byte for byte, whatever JSON it is.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct PayloadTests {
    @Test(arguments: [
        "null", "true", "false", #""text""#, #""""#, "0", "-0", "1e400", "-1E+400", "18446744073709551616",
        "9223372036854775807", "0.1000000000000000055511151231257827", "[]", "[ null ]", "{}", "{ }",
        #"{"a":1,"a":2}"#, "{\"\u{e9}\":1,\"e\u{301}\":2}", #"{"b":1, "a":[1e400,"\u00e9"]}"#,
    ])
    func `a payload comes back byte for byte, from the worker's side and from the caller's`(
        payload: String
    ) async throws {
        try await withServer { server in
            for own in ["", #""id":"own","#] {
                let body = "{\"type\":\"t\",\(own)\"payload\":\(payload)}"
                let pushed = try await server.post("/api/v1/jobs", body)
                #expect(pushed.status == 201, "\(pushed.text)")
                let id = try #require(pushed["id"] ?? Self.id(in: pushed.text))
                #expect(pushed.text.utf8.contains("\"payload\":\(payload),".utf8))
                let read = try await server.get("/api/v1/jobs/\(id)")
                #expect(read.text.utf8.contains("\"payload\":\(payload),".utf8), "\(read.text)")
                let claimed = try #require(try await server.claim(from: server.harness.queue("default")).first)
                #expect(claimed.payload == Array(payload.utf8))
            }
        }
    }

    /// Foundation cannot read all numbers that JSON can write.
    private static func id(in text: String) -> String? {
        text.firstMatch(of: /"id":"([^"]+)"/).map { String($0.1) }
    }

    @Test func `metadata, results and lists keep their bytes too`() async throws {
        try await withServer { server in
            let odd = #"{"n":1e400,"n":18446744073709551616, "é":"\u00e9"}"#
            let pushed = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"payload\":1e400,\"metadata\":\(odd)}")
            #expect(pushed.status == 201)
            let id = try #require(Self.id(in: pushed.text))
            let queue = server.harness.queue("default")
            let job = try #require(try await server.claim(from: queue).first)
            try await server.settle(job, .completed(output: Array(odd.utf8)), in: queue)
            let read = try await server.get("/api/v1/jobs/\(id)").text
            #expect(read.contains("\"metadata\":\(odd)") && read.contains("\"output\":\(odd)"))
            let list = try await server.get("/api/v1/jobs")
            #expect(list.status == 200)
            #expect(list.text.contains("\"metadata\":\(odd)"))
        }
    }

    @Test func `a result that is no JSON is shown as text, so that the answer is JSON`() async throws {
        try await withServer { server in
            let queue = server.harness.queue("default")
            let id = try #require(try await server.post("/api/v1/jobs", #"{"type":"t"}"#)["id"])
            let job = try #require(try await server.claim(from: queue).first)
            try await server.settle(job, .completed(output: Array("01, \"}".utf8)), in: queue)
            #expect(try await server.get("/api/v1/jobs/\(id)")["output"] == "01, \"}")
        }
    }

    /// Numbers that no worker of ours writes any more.
    @Test(arguments: [
        "1/9223372036854775807/1", "1/100/1e300", "1/-9223372036854775808/1", "-9223372036854775808/1/1",
        "9223372036854775807/9223372036854775807/nan", "1/0/inf", "1/2/-1e300", "x/y/z",
    ])
    func `a job with odd numbers in its hash is listed and read`(progress: String) async throws {
        try await withServer { server in
            let download = try await server.addDownload()
            let job = try #require(try await server.post("/api/v1/jobs", #"{"type":"t"}"#)["id"])
            for (id, queue) in [(download, "downloads"), (job, "default")] {
                let key = server.harness.key("job:\(id)", queue: queue)
                _ = try await server.claim(from: server.harness.queue(queue))
                try await server.harness.command(
                    "HSET", key, "g", progress, "x", "9223372036854775807", "b", "9223372036854775807:2:9:0.5",
                    "f", "9223372036854775807", "l", "9223372036854775807", "n", "9223372036854775807")
                #expect(try await server.get("/api/v1/jobs/\(id)").status == 200)
            }
            #expect(try await server.get("/api/v1/jobs").list("jobs").count == 2)
            #expect(try await server.get("/api/downloads").list("downloads").count == 1)
            #expect(try await server.get("/api/downloads/\(download)").status == 200)
        }
    }
}
