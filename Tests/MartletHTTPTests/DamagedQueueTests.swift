// One queue that refuses, is damaged or written by a newer version: every other queue is answered as if it was not there.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct DamagedQueueTests {
    private static let bulk = "/api/v1/jobs/bulk"

    private static func lines(_ queues: String...) -> String {
        queues.map { #"{"type":"t","queue":"\#($0)"}"# }.joined(separator: "\n")
    }

    private static func push(_ server: TestServer, _ queues: String...) async throws {
        for queue in queues {
            let answer = try await server.post("/api/v1/jobs", lines(queue))
            try #require(answer.status == 201, "\(answer.text)")
        }
    }

    private static func pushLines(_ server: TestServer, _ lines: String) async throws -> Answer {
        try await server.send(.POST, bulk, lines, type: "application/x-ndjson")
    }

    private static func statuses(_ answer: Answer) -> [String] {
        answer.list("results").map { $0["status"] as? String ?? "?" }
    }

    @Test func `a queue beyond the limit is refused at its jobs alone, and the others are pushed`() async throws {
        try await withServer { server in
            server.store.limitQueues(to: 2)
            try await Self.push(server, "a", "b")
            let some = try await Self.pushLines(server, Self.lines("c", "a", "b", "c"))
            #expect(some.status == 201, "\(some.text)")
            #expect(Self.statuses(some) == ["too-many-queues", "created", "created", "too-many-queues"])
            #expect(some.int("created") == 2 && some.int("failed") == 2)
            let none = try await Self.pushLines(server, Self.lines("c", "d"))
            #expect(none.status == 422, "\(none.text)")
            #expect(none["code"] == "too-many-queues")
            #expect(Self.statuses(none) == ["too-many-queues", "too-many-queues"])
        }
    }

    @Test func `a queue of a newer version or a broken one is refused at its jobs alone`() async throws {
        try await withServer { server in
            try await Self.push(server, "a", "new", "odd")
            try await server.harness.command("HSET", server.harness.key("meta", queue: "new"), "schema", "9")
            let meta = server.harness.key("meta", queue: "odd")
            try await server.harness.command("RENAME", meta, meta + "-kept")
            try await server.harness.command("SET", meta, "x")
            let answer = try await Self.pushLines(server, Self.lines("new", "odd", "a"))
            #expect(answer.status == 201, "\(answer.text)")
            #expect(Self.statuses(answer) == ["newer-schema", "redis-broken", "created"])
            let alone = try await Self.pushLines(server, Self.lines("new"))
            #expect(alone.status == 503 && alone["code"] == "newer-schema", "\(alone.text)")
            let history = try await server.get("/api/v1/history")
            let damaged = history.list("damaged").map { $0["name"] as? String }
            #expect(history.int("queues") == 1 && damaged == ["new", "odd"], "\(damaged)")
            try await server.harness.command("HSET", server.harness.key("meta", queue: "new"), "schema", "1")
            try await server.harness.command("RENAME", meta + "-kept", meta)
        }
    }

    @Test(arguments: ["queued", "delayed", "active", "completed"])
    func `a queue with an index of another type is reported, and all others are answered`(index: String) async throws {
        try await withServer { server in
            try await Self.push(server, "a", "b")
            let job = try #require(try await server.get("/api/v1/jobs?queue=b").list("jobs").first?["id"] as? String)
            let state = index == "delayed" ? "scheduled" : index
            let key = server.harness.key(index, queue: "a")
            if index == "queued" { try await server.harness.command("RENAME", key, key + "-kept") }
            try await server.harness.command("SET", key, "x")
            for (path, member) in [("queues", "queues"), ("jobs", "jobs"), ("stats", ""), ("jobs?state=\(state)", "")] {
                let answer = try await server.get("/api/v1/" + path)
                #expect(answer.status == 200, "\(path): \(answer.text)")
                let damaged = answer.list("damaged")
                #expect(damaged.map { $0["name"] as? String } == ["a"], "\(path): \(answer.text)")
                #expect(damaged.first?["code"] as? String == "redis-broken")
                if !member.isEmpty { #expect(answer.list(member).count == 1) }
            }
            #expect(try await server.get("/api/v1/stats").int("queues") == 1)
            let audit = try await server.harness.queue("a").audit()
            #expect(audit.findings.map(\.description) == ["\(key): is a string, not a zset"])
            #expect(try await server.harness.queue("a").repair(audit, dryRun: false).isEmpty)
            #expect(try await server.get("/api/v1/jobs/\(job)").status == 200)
            #expect(try await server.get("/api/v1/jobs/nowhere").status == 404, "no queue has such a key")
            #expect(try await server.get("/api/v1/queues/a").status == 503)
            #expect(try await server.get("/api/v1/queues/b").status == 200)
            let resumed = try await server.post("/api/v1/resume")
            #expect(resumed.status == 200, "\(resumed.text)")
            let actions = #"{"action":"cancel","ids":["\#(job)"]}"#
            #expect(try await server.post("/api/v1/jobs/actions", actions).int("successful") == 1)
            try await server.harness.command("DEL", key)
            if index == "queued" { try await server.harness.command("RENAME", key + "-kept", key) }
        }
    }

    @Test(arguments: ["global", "queues"])
    func `a resume of all that cannot be recorded is not said to be done`(name: String) async throws {
        try await withServer { server in
            try await Self.push(server, "a")
            #expect(try await server.post("/api/v1/pause").status == 200)
            let key = "\(server.harness.prefix):\(name)"
            try await server.harness.command("RENAME", key, key + "-kept")
            try await server.harness.command("RPUSH", key, "x")
            let resumed = try await server.post("/api/v1/resume")
            #expect(resumed.status == 503 && resumed["code"] == "redis-broken", "\(resumed.text)")
            try await server.harness.command("DEL", key)
            try await server.harness.command("RENAME", key + "-kept", key)
            #expect(try await server.post("/api/v1/resume").status == 200)
            #expect(try await server.get("/api/v1/queues/a").bool("paused") == false)
        }
    }

    @Test func `a queue that could not be resumed with the others is named`() async throws {
        try await withServer { server in
            try await Self.push(server, "a", "b")
            #expect(try await server.post("/api/v1/pause").status == 200)
            let key = server.harness.key("queued", queue: "a")
            try await server.harness.command("RENAME", key, key + "-kept")
            try await server.harness.command("SET", key, "x")
            let resumed = try await server.post("/api/v1/resume")
            #expect(resumed.status == 200, "\(resumed.text)")
            #expect(resumed.list("damaged").first?["name"] as? String == "a")
            #expect(try await server.get("/api/v1/queues/b").bool("paused") == false)
            try await server.harness.command("DEL", key)
            try await server.harness.command("RENAME", key + "-kept", key)
        }
    }
}
