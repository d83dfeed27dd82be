// Every member that the document describes in answers is one that a server sends.

import Foundation
import MartletJSON
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct MemberTests {
    /// What servers send only when Redis fails or is damaged; other tests of this target bring that about, and compare every
    /// answer with the document too.
    private static let ofFailures: Set<String> = [
        "Problem.outcome", "Problem.ids", "Problem.cause", "Problem.queue", "Problem.check", "Problem.findings",
        "Problem.damaged", "Problem.results", "Problem.created", "Problem.existing", "Problem.failed",
        "Problem.message",
        "Problem.total", "Problem.successful", "Problem.changed", "Problem.stopping", "Problem.unchanged",
        "Problem.refused", "Problem.next_cursor", "FilterActionReport.damaged",
        "Problem.dry_run", "Problem.durability", "Problem.durability_detail",
        "ActionError.outcome", "JobList.damaged", "QueueList.damaged", "Stats.damaged", "WorkerList.damaged",
        "PauseResult.damaged", "ReleasedWorker.damaged", "ErrorList.damaged", "TotalHistory.damaged",
        // It takes a minute until an entry has it.
        "AuditEntry.also_refused",
        // The Redis of the tests has no limit.
        "Redis.memory_limit_bytes",
    ]
    private static let objectsOfFailures: Set<String> = ["JobReference", "DamagedQueue", "Finding"]

    @Test func `every member that is described in an answer is sent`() async throws {
        try await withServer { server in
            var client = Recorder(server: server)
            try await Self.jobs(&client)
            try await Self.batches(&client)
            try await Self.queues(&client)
            try await Self.downloads(&client)
            try await Self.workers(&client)
            try await Self.audit(&client)
            try await Self.past(&client)
            try await Self.limits(&client)
            try await Self.explanations(&client)
            // A repeated push answers what the job is by then.
            let seen = client.check.seen.union(client.check.seen.map { "Pushed" + $0 })
            let missing = Self.described().subtracting(seen).subtracting(Self.ofFailures)
                .filter { !Self.objectsOfFailures.contains(String($0.prefix { $0 != "." })) }
            #expect(missing.isEmpty, "described and never sent: \(missing.sorted())")
        }
    }

    /// The members of all objects that answers refer to.
    private static func described() -> Set<String> {
        let document = APIContract.standard.document
        var open = names(in: document["components"]["responses"])
        for path in document["paths"].object?.fields ?? [] {
            for operation in path.value.object?.fields ?? [] { open.formUnion(names(in: operation.value["responses"])) }
        }
        var members: Set<String> = []
        var done: Set<String> = []
        while let name = open.subtracting(done).first {
            done.insert(name)
            let schema = document["components"]["schemas"][name]
            members.formUnion((schema["properties"].object?.names ?? []).map { "\(name).\($0)" })
            open.formUnion(names(in: schema))
        }
        return members
    }

    private static func names(in value: JSONValue) -> Set<String> {
        Set(value.line.matches(of: #/#/components/schemas/(\w+)"/#).map { String($0.1) })
    }
}

/// A client that records what it sees.
private struct Recorder {
    let server: TestServer
    var check = APIContract.standard.check

    @discardableResult
    mutating func send(
        _ method: HTTPMethod, _ path: String, _ body: String? = nil, type: String = "application/json",
        headers: [(String, String)] = []
    ) async throws -> Answer {
        let answer = try await server.send(method, path, body, type: type, headers: headers)
        #expect(APIContract.standard.faults(method, path, answer, &check).isEmpty)
        return answer
    }

    mutating func get(_ path: String) async throws { try await send(.GET, path) }

    mutating func post(_ path: String, _ body: String? = nil) async throws { try await send(.POST, path, body) }
}

extension MemberTests {
    private static func audit(_ client: inout Recorder) async throws {
        try await client.post("/api/v1/jobs", #"{"type":"t","queue":"audited","id":"a","delay_seconds":60}"#)
        try await client.send(.PATCH, "/api/v1/jobs/a?queue=audited", #"{"priority":3}"#)
        try await client.post("/api/v1/jobs/actions", #"{"action":"pause","filter":{"queue":"audited","type":"t"}}"#)
        try await client.post("/api/v1/jobs/nowhere/cancel?queue=audited")
        try await client.send(.PUT, "/api/v1/queues/audited", #"{"concurrency":3}"#)
        try await client.get("/api/v1/audit?queue=audited")
    }

    /// What is kept of attempts that failed and of payloads that were replaced, and what a queue needs.
    private static func past(_ client: inout Recorder) async throws {
        let server = client.server
        let queue = server.harness.queue("past")
        try await client.post("/api/v1/jobs", #"{"type":"t","queue":"past","id":"failing","max_retries":0}"#)
        let job = try #require(try await server.claim(from: queue).first)
        let failure = Settlement(id: job.id, token: job.token, outcome: .failedForGood(error: "e"), worker: "w")
        _ = try await queue.settle([failure])
        try await client.send(.PATCH, "/api/v1/jobs/failing?queue=past", #"{"payload":{"new":true}}"#)
        try await client.get("/api/v1/jobs/failing?queue=past")
        try await client.get("/api/v1/errors?queue=past&failed=true")
        try await client.get("/api/v1/queues/past/scaling")
        let times = TypeTimes()
        times.waited(.milliseconds(1))
        times.ran(.milliseconds(2))
        _ = try await queue.heartbeat(worker: "w", times: TimeReport(["t": times]), [])
        // They are shown when their step is over. Few steps, since of a long list only the beginning is compared.
        let from = Date.now.addingTimeInterval(-20).formatted(.iso8601)
        for name in try await server.harness.store.queueNames() {
            try await server.harness.setClock(.seconds(30), queue: name.description)
        }
        try await client.get("/api/v1/queues/past/history?from=\(from)")
        try await client.get("/api/v1/history?from=\(from)")
    }

    private static func limits(_ client: inout Recorder) async throws {
        let (server, path) = (client.server, "/api/v1/queues/limited/limits")
        let queue = server.harness.queue("limited")
        let job = #"{"type":"t","queue":"limited","limits":[{"key":"host:a","weight":2}]}"#
        try await client.post("/api/v1/jobs", job)
        _ = try await server.claim(from: queue)
        let limit = #"{"concurrency":9,"rate":{"count":60,"per_seconds":60,"burst":2}}"#
        try await client.send(.PUT, path + "/host:a", limit)
        try await client.send(.PUT, path + "/host:*", limit)
        try await client.send(.PUT, path + "/host:a?override=true", #"{"concurrency":8,"for_seconds":600}"#)
        try await client.post(path + "/host:a/pause", #"{"reason":"r","for_seconds":600}"#)
        try await client.get(path + "/host:a")
        try await client.get(path + "/host:*")
        try await client.get(path)
        try await client.post(path + "/host:a/resume")
        try await client.post(path + "/host:a/reset")
        try await client.send(.DELETE, path + "/host:a")
    }

    private static func explanations(_ client: inout Recorder) async throws {
        let (server, limit) = (client.server, "/api/v1/queues/why/limits/host:a")
        let queue = server.harness.queue("why")
        try await client.send(.PUT, limit, #"{"concurrency":1}"#)
        for id in ["runs", "first", "second"] {
            try await client.post(
                "/api/v1/jobs", "{\"type\":\"t\",\"queue\":\"why\",\"id\":\"\(id)\",\"limits\":[\"host:a\"]}")
            if id == "runs" { try await client.get("/api/v1/jobs/runs/explain") }
        }
        let job = try #require(try await server.claim(from: queue).first)
        try await client.post("/api/v1/jobs/runs/pause")
        try await client.get("/api/v1/jobs/runs/explain")
        _ = try await server.claim(from: queue)
        try await client.get("/api/v1/jobs/second/explain")
        try await client.post(limit + "/pause", #"{"reason":"r","for_seconds":600}"#)
        try await client.post("/api/v1/queues/why/pause", #"{"reason":"r"}"#)
        try await client.post("/api/v1/pause")
        try await client.get("/api/v1/jobs/first/explain")
        try await client.get("/api/v1/queues/why/explain")
        try await client.post("/api/v1/resume")
        try await client.post("/api/v1/jobs/runs/resume")
        try await server.settle(job, .failed(retryAfter: .seconds(60), error: "e"), in: queue)
        try await client.get("/api/v1/jobs/runs/explain")
    }

    private static func jobs(_ client: inout Recorder) async throws {
        let server = client.server
        let queue = server.harness.queue("q")
        let full = """
            {"type":"t","payload":1,"queue":"q","id":"a","timeout_seconds":9,"unique_key":"u","tags":["x"],"metadata":{},
            "limits":["host:a",{"key":"tenant:7","weight":2}],"backoff":{"base_seconds":2},"max_retries":1,"durability":"fsync",
            "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=1"}
            """
        try await client.post("/api/v1/jobs", full)
        try await client.post("/api/v1/jobs", #"{"type":"t","queue":"q","unique_key":"u"}"#)
        try await client.post("/api/v1/jobs", #"{"type":"other","queue":"q","id":"a"}"#)
        let job = try #require(try await server.claim(from: queue).first)
        let progress = JobProgress(completed: 1, total: 4, rate: 2)
        _ = try await queue.heartbeat(
            worker: "w", info: #"{"host":"h"}"#,
            [Heartbeat(id: job.id, token: job.token, progress: progress, checkpoint: Array("{}".utf8))])
        try await client.post("/api/v1/jobs/a/pause")
        try await client.get("/api/v1/jobs/a")
        try await client.get("/api/v1/jobs")
        try await client.get("/api/v1/workers")
        try await client.post("/api/v1/jobs/a/retry")
        try await client.post("/api/v1/jobs/actions", #"{"action":"cancel","ids":["a","b"],"dry_run":true}"#)
        try await client.post("/api/v1/jobs/a/resume")
        try await server.settle(job, .failed(retryAfter: .seconds(60), error: "e"), in: queue)
        try await client.get("/api/v1/jobs/a")
        try await client.get("/api/v1/jobs")
        try await client.post("/api/v1/jobs/a/run")
        let again = try #require(try await server.claim(from: queue).first)
        try await server.settle(again, .completed(output: Array("{}".utf8)), in: queue)
        try await client.get("/api/v1/jobs/a")
        try await client.get("/api/v1/jobs")
        try await client.post("/api/v1/jobs/actions", #"{"action":"pause","ids":["a"]}"#)
        try await client.get("/api/v1/jobs?type=t")
        // A limit that has no room for anybody.
        try await server.harness.command("HSET", server.harness.key("limits", queue: "q"), "host:full", "c=0")
        try await server.harness.command("HSET", server.harness.key("meta", queue: "q"), "limited", "1")
        try await queue.configure(QueueSettingsChange(lease: .seconds(30)))
        let blocked = #"{"type":"t","queue":"q","id":"blocked","limits":["host:full"],"durability":"memory"}"#
        try await client.post("/api/v1/jobs", blocked)
        try await client.get("/api/v1/jobs/blocked")
        try await client.get("/api/v1/jobs?state=blocked")
        try await client.post("/api/v1/jobs/blocked/cancel")
        for more in ["", #","dry_run":true"#, #","expected_count":9"#] {
            try await client.post("/api/v1/jobs/actions", #"{"action":"pause","filter":{"queue":"q"}\#(more)}"#)
        }
        try await client.send(.DELETE, "/api/v1/jobs/a")
        try await client.post("/api/v1/jobs", full)
        try await client.get("/api/v1/jobs?limit=0")
        try await client.send(.POST, "/api/v1/jobs", #"{"type":"t"}"#, headers: [("idempotency-key", "")])
        for name in ["q", "r"] {
            try await client.post("/api/v1/jobs", "{\"type\":\"t\",\"queue\":\"\(name)\",\"id\":\"twin\"}")
        }
        try await client.get("/api/v1/jobs/twin")
        try await client.get("/readyz?verbose")
        try await client.get("/livez")
        try await client.get("/api/v1/system")
        try await client.get("/api/session")
        try await client.post("/api/session", #"{"token":"mt_example"}"#)
        try await client.send(.DELETE, "/api/session")
    }

    private static func batches(_ client: inout Recorder) async throws {
        try await client.post("/api/v1/jobs/bulk", #"{"jobs":[{"type":"t","queue":"q"}],"durability":"fsync"}"#)
        try await client.post("/api/v1/jobs/bulk", #"{"jobs":[{"type":"t","queue":"q","unique_key":"k"}]}"#)
        let twice = #"{"jobs":[{"type":"t","unique_key":"z"},{"type":"t","unique_key":"z"}]}"#
        try await client.post("/api/v1/jobs/bulk", twice)
        try await client.post(
            "/api/v1/jobs/bulk",
            #"{"jobs":[{"type":"t","priority":"x"},{"type":"t","queue":"q","unique_key":"k"}],"atomic":false}"#)
        try await client.send(.POST, "/api/v1/jobs/bulk", "{\"type\":\"t\",\"x\":1}\n", type: "application/x-ndjson")
        let many = Array(repeating: #"{"type":"t"}"#, count: 10_001).joined(separator: ",")
        try await client.post("/api/v1/jobs/bulk", "{\"jobs\":[\(many)]}")
    }

    private static func queues(_ client: inout Recorder) async throws {
        try await client.post("/api/v1/jobs", #"{"type":"t","queue":"q","delay_seconds":60}"#)
        try await client.post("/api/v1/queues/q/pause", #"{"reason":"r"}"#)
        try await client.post("/api/v1/pause", #"{"reason":"r"}"#)
        try await client.get("/api/v1/queues/q")
        try await client.get("/api/v1/queues")
        try await client.get("/api/v1/stats")
        try await client.post("/api/v1/resume")
        try await client.send(.DELETE, "/api/v1/queues/q?confirm=q")
        try await client.post("/api/v1/queues/q/drain")
        try await client.send(.DELETE, "/api/v1/queues/q?confirm=q&finished=true")
    }

    private static func downloads(_ client: inout Recorder) async throws {
        let server = client.server
        let track =
            #"{"track_id":"6f1c3a1e-7b0a-4a54-8f3f-2b1f6d0f8a11","timeout_seconds":60,"checksum":"sha256:00","durability":"fsync"}"#
        let id = try #require(try await client.send(.POST, "/api/downloads", track)["id"])
        let job = try #require(try await server.claim().first)
        let progress = JobProgress(completed: 1, total: 4, rate: 2)
        _ = try await server.downloads.heartbeat(
            worker: "w", [Heartbeat(id: job.id, token: job.token, progress: progress)])
        try await client.get("/api/downloads/\(id)")
        try await client.post("/api/downloads/\(id)/pause")
        try await client.post(
            "/api/downloads/batch-action", "{\"action\":\"pause\",\"download_ids\":[\"\(id)\",\"none\"]}")
        try await client.get("/api/downloads/\(id)")
        try await client.post("/api/downloads/\(id)/resume")
        try await server.settle(job, .failed(retryAfter: .seconds(60), error: "e"))
        try await client.get("/api/downloads/\(id)")
        try await client.get("/api/downloads")
        try await client.post("/api/downloads/\(id)/cancel")
        try await client.get("/api/downloads/\(id)")
        try await client.post("/api/downloads", #"{"url":"https://a.example/x","delay_seconds":60}"#)
        try await client.get("/api/downloads")
        try await client.get("/api/downloads/status")
        try await client.send(.PUT, "/api/downloads/concurrency", #"{"max_concurrent_downloads":3}"#)
        try await client.post(
            "/api/downloads/batch", #"{"downloads":[{"url":"https://a.example/y"}],"durability":"fsync"}"#)
        try await client.post("/api/downloads/batch", #"{"track_ids":["x"]}"#)
    }

    private static func workers(_ client: inout Recorder) async throws {
        let order = #"{"queues":["w"],"worker_id":"w1"}"#
        func token(_ answer: Answer) throws -> String { try #require(answer.claims.first).token }
        try await client.post(
            "/api/v1/jobs",
            """
            {"type":"t","queue":"w","id":"a","timeout_seconds":9,"tags":["x"],"metadata":{},
            "limits":["host:a",{"key":"tenant:7","weight":2}],"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=1"}
            """)
        let first = try token(try await client.send(.POST, "/api/v1/claims", order))
        try await client.send(.PUT, "/api/v1/claims/\(first)/checkpoint", #"{"checkpoint":{}}"#)
        try await client.post("/api/v1/workers/w1/heartbeat", "{\"leases\":[{\"token\":\"\(first)\"}]}")
        try await client.post("/api/v1/claims/\(first)/release")
        let second = try token(try await client.send(.POST, "/api/v1/claims", order))
        try await client.post(
            "/api/v1/claims/\(second)/throttle", #"{"key":"host:a","delay_seconds":60,"reason":"429"}"#)
        try await client.get("/api/v1/queues/w/limits/host:a")
        try await client.post("/api/v1/queues/w/limits/host:a/reset")
        let again = try token(try await client.send(.POST, "/api/v1/claims", order))
        try await client.post("/api/v1/claims/\(again)/snooze", #"{"delay_seconds":60}"#)
        try await client.post("/api/v1/jobs", #"{"type":"t","queue":"w","id":"b"}"#)
        let third = try token(try await client.send(.POST, "/api/v1/claims", order))
        let end = "{\"token\":\"\(third)\",\"outcome\":\"snooze\",\"delay_seconds\":60}"
        try await client.post("/api/v1/claims/settle", "{\"settlements\":[\(end),{}],\"claim\":\(order)}")
        try await client.send(.DELETE, "/api/v1/workers/w1")
    }
}
