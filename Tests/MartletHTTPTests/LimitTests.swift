// The routes of limits: what they answer and refuse, who may call them, and what the audit trail has of them.

import Foundation
import MartletJSON
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct LimitRouteTests {
    private static let path = "/api/v1/queues/q/limits"

    @Test func `a limit is set, overridden, paused, taken back and removed`() async throws {
        try await withServer { server in
            let one = Self.path + "/host:a.example"
            let missing = try await server.get(Self.path)
            #expect(missing.status == 404, "there is no such queue")
            let body = #"{"concurrency":2,"rate":{"count":100,"per_seconds":60,"burst":5}}"#
            let set = try await server.send(.PUT, one, body)
            #expect(set.status == 200, "\(set.text)")
            #expect(set["key"] == "host:a.example" && set.int("concurrency") == 2 && set.bool("open") == true)
            let override = try await server.send(.PUT, one + "?override=true", #"{"concurrency":7,"for_seconds":60}"#)
            #expect(override.int("concurrency") == 2, "the base value stays")
            #expect(override.object("override")["concurrency"] as? Int == 7)
            #expect(override.object("override")["until"] is String)
            #expect(override.object("in_force")["concurrency"] as? Int == 7)
            let paused = try await server.post(one + "/pause", #"{"reason":"r","for_seconds":60}"#)
            #expect(paused.object("pause")["reason"] as? String == "r" && paused.bool("open") == false)
            #expect(paused["opens_at"] != nil)
            #expect(try await server.post(one + "/resume").object("pause").isEmpty)
            let reset = try await server.post(one + "/reset")
            #expect(reset.object("override").isEmpty && reset.object("in_force")["concurrency"] as? Int == 2)
            #expect(try await server.get(one).status == 200)
            #expect(try await server.send(.DELETE, one).status == 200)
            for (method, path) in [
                (HTTPMethod.DELETE, one), (.GET, one), (.POST, one + "/resume"), (.POST, one + "/reset"),
            ] { #expect(try await server.send(method, path).status == 404, "\(method) \(path)") }
        }
    }

    @Test func `a key with any characters is named percent-encoded`() async throws {
        try await withServer { server in
            let name = "tenant:a/b c?é%"
            let path = Self.path + "/tenant%3Aa%2Fb%20c%3F%C3%A9%25"
            let set = try await server.send(.PUT, path, #"{"concurrency":1}"#)
            #expect(set["key"] == name, "\(set.text)")
            #expect(try await server.get(path)["key"] == name)
            #expect(try await server.harness.queue().limits().limits.map(\.name) == [name])
            #expect(try await server.send(.DELETE, path).status == 200)
        }
    }

    @Test(
        arguments: [
            ("host:a", #"{}"#, "#/concurrency"), ("host:a", #"{"concurrency":null}"#, "#/concurrency"),
            ("host:a", #"{"concurrency":-1}"#, "#/concurrency"),
            ("host:a", #"{"concurrency":1000001}"#, "#/concurrency"),
            ("host:a", #"{"rate":{"count":0,"per_seconds":1}}"#, "#/rate/count"),
            ("host:a", #"{"rate":{"per_seconds":1}}"#, "#/rate/count"),
            ("host:a", #"{"rate":{"count":1}}"#, "#/rate/per_seconds"),
            ("host:a", #"{"rate":{"count":1,"per_seconds":0}}"#, "#/rate/per_seconds"),
            ("host:a", #"{"rate":{"count":1,"per_seconds":1,"burst":0}}"#, "#/rate/burst"),
            ("host:a", #"{"concurrency":1,"for_seconds":9}"#, "#/for_seconds"),
            ("host:a", #"{"concurrency":1,"until":"2099-01-01T00:00:00Z"}"#, "#/until"),
            ("host:a?override=true", #"{"concurrency":1,"until":"2020-01-01T00:00:00Z"}"#, "#/until"),
            ("host:a?override=true", #"{"concurrency":1,"until":"x"}"#, "#/until"),
            ("host:a?override=true", #"{"concurrency":1,"until":"2099-01-01T00:00:00Z","for_seconds":1}"#, "#/until"),
            ("host:a", #"{"concurrency":1,"windows":[]}"#, "#/windows"),
            ("host", #"{"concurrency":1}"#, "key"), ("Host:a", #"{"concurrency":1}"#, "key"),
            ("host:%20a", #"{"concurrency":1}"#, "key"), ("host:a%0A", #"{"concurrency":1}"#, "key"),
        ])
    func `what no limit can have is 422 at its place and changes nothing`(
        _ key: String, _ body: String, _ place: String
    ) async throws {
        try await withServer { server in
            try await server.harness.queue().setLimit("host:a", to: QueueLimit(concurrency: 3))
            let before = try await server.digest()
            let answer = try await server.send(.PUT, Self.path + "/" + key, body)
            #expect(answer.status == 422, "\(answer.text)")
            let error = answer.list("errors").first ?? [:]
            #expect((error["pointer"] ?? error["parameter"]) as? String == place, "\(answer.text)")
            #expect(try await server.digest() == before)
        }
    }

    @Test func `a job of a bulk push that weighs too much is refused with its place`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, Self.path + "/host:a", #"{"concurrency":2}"#)
            let job = #"{"type":"t","queue":"q","limits":[{"key":"host:a","weight":3}]}"#
            let lines = try await server.send(.POST, "/api/v1/jobs/bulk", "\n\(job)\n", type: "application/x-ndjson")
            let list = try await server.post("/api/v1/jobs/bulk", "{\"atomic\":false,\"jobs\":[\(job)]}")
            for (answer, line, pointer) in [(lines, 2 as Int?, "#/limits"), (list, nil, "#/jobs/0/limits")] {
                let row = try #require(answer.list("results").first)
                #expect(row["status"] as? String == "invalid" && row["line"] as? Int == line, "\(answer.text)")
                let fault = (row["errors"] as? [[String: Any]])?.first
                #expect(fault?["pointer"] as? String == pointer && fault?["line"] as? Int == line)
                #expect((fault?["detail"] as? String)?.contains("host:a") == true)
            }
        }
    }

    @Test func `a claim that does not wait finds the job behind a thousand that cannot start`() async throws {
        try await withServer { server in
            let queue = server.harness.queue()
            _ = try await queue.enqueue((0..<1500).map { _ in NewJob(type: "t", payload: [1], limits: ["host:a"]) })
            _ = try await queue.enqueue(NewJob(type: "t", payload: [2], limits: ["host:b"]))
            _ = try await server.send(.PUT, Self.path + "/host:a", #"{"concurrency":0}"#)
            let claimed = try await server.post("/api/v1/claims", #"{"queues":["q"]}"#)
            #expect(claimed.status == 200 && claimed.list("claims").count == 1)
        }
    }

    @Test func `limits are listed page by page`() async throws {
        try await withServer { server in
            let queue = server.harness.queue()
            for number in 0..<5 { try await queue.setLimit("host:\(number)", to: QueueLimit(concurrency: 1)) }
            let first = try await server.get(Self.path + "?limit=3")
            #expect(first.list("limits").compactMap { $0["key"] as? String } == ["host:0", "host:1", "host:2"])
            let next = try #require(first["next_cursor"])
            let second = try await server.get(Self.path + "?limit=3&cursor=\(next)")
            #expect(second.list("limits").compactMap { $0["key"] as? String } == ["host:3", "host:4"])
            #expect(second["next_cursor"] == nil)
            #expect(try await server.get(Self.path + "?cursor=x").status == 422)
        }
    }

    @Test func `a change of a limit is in the audit trail with its values`() async throws {
        try await withServer { server in
            _ = try await server.send(.PUT, Self.path + "/host:a", #"{"concurrency":1}"#)
            _ = try await server.send(.PUT, Self.path + "/host:a", #"{"concurrency":2}"#)
            _ = try await server.send(.POST, Self.path + "/host:b/resume")
            let entries = try await server.get("/api/v1/audit?queue=q").list("entries")
            #expect(entries.compactMap { $0["operation"] as? String } == ["resumeLimit", "setLimit", "setLimit"])
            #expect(entries.compactMap { $0["result"] as? String } == ["refused", "done", "done"])
            let last = try #require(entries.dropFirst().first)
            #expect(last["before"] as? [String: String] == ["limit": "host:a", "concurrency": "1"])
            #expect(last["after"] as? [String: String] == ["limit": "host:a", "concurrency": "2"])
        }
    }
}
