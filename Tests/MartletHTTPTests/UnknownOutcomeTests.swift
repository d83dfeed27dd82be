// What callers are told when the reply to a write was lost, on every route that writes.

import Foundation
import HTTPTypes
import MartletJobs
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP
@testable import MartletQueue
@testable import MartletRedis

/// A request that writes, what must stand in the queue before it, and how its outcome is named.
struct WriteCase: Sendable, CustomTestStringConvertible {
    var method: HTTPMethod = .POST
    var path: String
    var body: String?
    /// The script whose reply is lost; `nil` for the one of the pause of all.
    var script: QueueScript? = .control
    /// The state in which the job `j` is before.
    var from: JobState = .queued
    /// The ids that the answer names, or where it says `queue` instead.
    var ids: [String]? = ["j"]
    /// The status when only the first reply is lost.
    var statuses = 200...201
    /// The status when the same request is sent again afterwards.
    var again = 200
    /// The state of `j` then; `nil` when it is gone.
    var to: JobState? = .queued
    /// The queue in which `j` stands.
    var queue = "downloads"

    var testDescription: String { "\(method.rawValue) \(path)" }

    /// The route that answers it.
    var route: Route? {
        let path = String(path.prefix { $0 != "?" })
        return try? RouteMatcher(Route.all).match(path)?.path.route(HTTPRequest.Method(method.rawValue) ?? .get)
    }

    static let all: [WriteCase] = downloads + jobs + queues

    private static let downloads: [WriteCase] = [
        WriteCase(path: "/api/downloads/pause", script: .configure, ids: nil),
        WriteCase(path: "/api/downloads/resume", script: .configure, ids: nil),
        WriteCase(
            method: .PUT, path: "/api/downloads/concurrency",
            body: #"{"max_concurrent_downloads":7}"#, script: .configure, ids: nil),
        WriteCase(
            path: "/api/downloads", body: #"{"url":"https://a.example/1"}"#,
            script: .enqueue, ids: ["*"]),
        WriteCase(
            path: "/api/downloads/batch",
            body: #"{"downloads":[{"url":"https://a.example/1"},{"url":"https://a.example/2"}]}"#, script: .enqueue,
            ids: ["*", "*"]),
        WriteCase(
            path: "/api/downloads/batch-action",
            body: #"{"action":"pause","download_ids":["j","!"]}"#, to: .paused),
        WriteCase(path: "/api/downloads/j/pause", to: .paused),
        WriteCase(path: "/api/downloads/j/resume", from: .paused),
        WriteCase(path: "/api/downloads/j/cancel", to: .cancelled),
        WriteCase(path: "/api/downloads/j/retry", from: .cancelled),
        WriteCase(path: "/api/downloads/j/priority", body: #"{"priority":5}"#),
        WriteCase(
            method: .PATCH, path: "/api/downloads/j/priority",
            body: #"{"priority":5}"#),
    ]

    private static let jobs: [WriteCase] = [
        WriteCase(
            path: "/api/v1/jobs", body: #"{"type":"t","queue":"q"}"#, script: .enqueue,
            ids: ["*"], queue: "q"),
        WriteCase(
            path: "/api/v1/jobs/bulk",
            body: #"{"jobs":[{"type":"t","queue":"q"},{"type":"t","queue":"q"}]}"#,
            script: .enqueue, ids: ["*", "*"], queue: "q"),
        WriteCase(
            path: "/api/v1/jobs/bulk?atomic=false",
            body: #"{"jobs":[{"type":"t","queue":"q"},{"type":"t","queue":"q"}]}"#,
            script: .enqueue, ids: ["*", "*"], queue: "q"),
        WriteCase(method: .PATCH, path: "/api/v1/jobs/j", body: #"{"priority":5}"#),
        WriteCase(
            method: .DELETE, path: "/api/v1/jobs/j?queue=downloads", from: .cancelled,
            again: 404, to: nil),
        WriteCase(
            path: "/api/v1/jobs/actions", body: #"{"action":"cancel","ids":["j","nobody"]}"#,
            to: .cancelled),
        WriteCase(
            path: "/api/v1/jobs/actions", body: #"{"action":"pause","filter":{"queue":"downloads"}}"#, to: .paused),
        WriteCase(method: .PATCH, path: "/api/v1/jobs/j?queue=q", body: #"{"payload":1}"#, queue: "q"),
        WriteCase(path: "/api/v1/jobs/j/clone?queue=q", script: .enqueue, ids: ["*"], queue: "q"),
        WriteCase(path: "/api/v1/jobs/j/cancel", to: .cancelled),
        WriteCase(path: "/api/v1/jobs/j/pause", to: .paused),
        WriteCase(path: "/api/v1/jobs/j/resume", from: .paused),
        WriteCase(path: "/api/v1/jobs/j/retry", from: .cancelled),
        WriteCase(path: "/api/v1/jobs/j/run", from: .scheduled),
    ]

    private static let queues: [WriteCase] = [
        WriteCase(
            method: .PUT, path: "/api/v1/queues/downloads", body: #"{"concurrency":4}"#,
            script: .configure, ids: nil),
        WriteCase(
            path: "/api/v1/queues/downloads/pause", body: #"{"reason":"x"}"#,
            script: .configure, ids: nil),
        WriteCase(path: "/api/v1/queues/downloads/resume", script: .configure, ids: nil),
        WriteCase(
            path: "/api/v1/queues/downloads/drain", script: .remove, ids: nil, to: .cancelled),
        WriteCase(
            method: .DELETE, path: "/api/v1/queues/downloads?confirm=downloads",
            script: .remove, ids: nil, statuses: 409...409, again: 409),
        WriteCase(
            method: .PUT, path: "/api/v1/queues/downloads/limits/host:b", body: #"{"concurrency":2}"#, script: .limit,
            ids: nil),
        WriteCase(
            method: .DELETE, path: "/api/v1/queues/downloads/limits/host:a", script: .limit, ids: nil, again: 404),
        WriteCase(
            path: "/api/v1/queues/downloads/limits/host:a/pause", body: #"{"reason":"x"}"#, script: .limit, ids: nil),
        WriteCase(path: "/api/v1/queues/downloads/limits/host:a/resume", script: .limit, ids: nil),
        WriteCase(path: "/api/v1/queues/downloads/limits/host:a/reset", script: .limit, ids: nil),
        WriteCase(path: "/api/v1/pause", script: nil, ids: nil),
        WriteCase(path: "/api/v1/resume", script: nil, ids: nil),
    ]
}

@Suite struct UnknownOutcomeTests {
    @Test func `every route that writes is in the table`() {
        // Those of workers need a claim first: `ClaimFaultTests`. A session changes nothing in Redis.
        let writing = Route.all.filter { !$0.isRead && $0.roles != [.work] && $0.template != "/api/session" }.map(
            \.name)
        #expect(Set(writing) == Set(WriteCase.all.compactMap { $0.route?.name }))
    }

    /// Rows 63, 64, 66, 72 and 73.
    @Test(arguments: WriteCase.all)
    func `a write whose replies are lost is 503 and unknown, and the same request again resolves it`(
        _ write: WriteCase
    ) async throws {
        try await withServerBehindProxy { server, proxy in
            let queue = server.harness.queue(write.queue)
            try await Self.prepare(write.from, in: queue)
            let created = try #require(try await queue.status()?.createdEver)
            let key = [("Idempotency-Key", "one")]
            let marker = ScriptTable.shipped[write.script ?? .global].mark
            proxy.add(FaultRule(Fault(.swallow), to: .containing(marker), times: nil))
            let lost = try await server.send(write.method, write.path, write.body, headers: key)
            #expect(proxy.lostReplies == 2, "it is said twice")
            proxy.heal()
            #expect(lost.status == 503, "\(lost.text)")
            #expect(lost.headers.first(name: "content-type") == "application/problem+json")
            #expect(lost.headers.first(name: "retry-after") == "1")
            #expect(lost["code"] == "outcome-unknown")
            #expect(lost["outcome"] == "unknown")
            let ids = lost.strings("ids")
            if let expected = write.ids {
                #expect(ids.count == expected.count && zip(ids, expected).allSatisfy { $0 == $1 || $1 == "*" })
            } else {
                #expect(lost["queue"] == "downloads" || lost["queues"] == "all")
            }
            // It was done all the same, and sending it again changes nothing.
            let again = try await server.send(write.method, write.path, write.body, headers: key)
            #expect(again.status == write.again, "\(again.text)")
            #expect(try await queue.state("j") == write.to)
            let pushed = write.script == .enqueue ? ids.count : 0
            #expect(try await queue.status()?.createdEver == created + pushed)
            for id in ids where pushed > 0 { #expect(try await queue.state(id) == .queued) }
        }
    }

    /// Rows 63, 64 and 72.
    @Test(arguments: WriteCase.all)
    func `a write whose first reply is lost is repeated and answered normally`(
        _ write: WriteCase
    ) async throws {
        try await withServerBehindProxy { server, proxy in
            let queue = server.harness.queue(write.queue)
            try await Self.prepare(write.from, in: queue)
            let marker = ScriptTable.shipped[write.script ?? .global].mark
            proxy.loseReply(toRequestWith: marker)
            let answer = try await server.send(write.method, write.path, write.body)
            #expect(proxy.lostReplies == 1)
            #expect(write.statuses.contains(answer.status), "\(answer.text)")
            #expect(try await queue.state("j") == write.to)
        }
    }

    @Test func `each item of a batch is resolved separately`() async throws {
        try await withServerBehindProxy { server, proxy in
            let ids = (0..<1200).map { "b\($0)" }
            let items = ids.map { #"{"type":"t","queue":"q","id":"\#($0)"}"# }
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q"}"#)
            // The third slice of the first 500 is where replies are lost.
            proxy.add(FaultRule(Fault(.swallow), to: .containing("b499"), times: nil))
            let body = #"{"atomic":false,"jobs":[\#(items.joined(separator: ","))]}"#
            let answer = try await server.post("/api/v1/jobs/bulk", body)
            proxy.heal()
            #expect(answer.status == 503)
            #expect(answer["outcome"] == "unknown")
            let rows = answer.list("results")
            #expect(rows.count == 1200)
            #expect(rows.prefix(500).allSatisfy { $0["status"] as? String == "unknown" })
            #expect(rows.dropFirst(500).allSatisfy { $0["status"] as? String == "not-executed" })
            #expect(answer.strings("ids") == Array(ids.prefix(500)))
            #expect(try await server.harness.queue().status()?.createdEver == 501)
            let again = try await server.post("/api/v1/jobs/bulk", body)
            #expect(again.status == 201)
            #expect(again.int("existing") == 500 && again.int("created") == 700)
        }
    }

    @Test func `each job of a batch action is resolved separately`() async throws {
        try await withServerBehindProxy { server, proxy in
            let ids = (0..<600).map { "b\($0)" }
            _ = try await server.downloads.enqueue(
                try ids.map { NewJob(id: try #require(JobID($0)), type: "download", payload: []) })
            let list = ids.map { #""\#($0)""# }.joined(separator: ",")
            let body = #"{"action":"pause","download_ids":[\#(list)]}"#
            proxy.add(
                FaultRule(Fault(.swallow), to: .containing(ScriptTable.shipped[.control].mark), times: 2))
            let answer = try await server.post("/api/downloads/batch-action", body)
            #expect(answer.status == 503)
            #expect(answer.strings("ids") == Array(ids.prefix(500)))
            #expect(answer.int("failed") == 600)
            #expect(
                answer.list("errors").map { $0["outcome"] as? String == "unknown" }
                    == ids.indices.map { $0 < 500 })
            #expect(try await server.downloads.status()?.jobs[.paused] == 500)
            let again = try await server.post("/api/downloads/batch-action", body)
            #expect(again.status == 200)
            #expect(again.int("successful") == 600)
            #expect(try await server.downloads.status()?.jobs[.paused] == 600)
        }
    }

    @Test func `a failed read before a write reports that nothing was done, and one after it does not hide the write`()
        async throws
    {
        try await withServerBehindProxy { server, proxy in
            try await Self.prepare(.queued, in: server.downloads)
            let read = ScriptTable.shipped[.read].mark
            proxy.add(FaultRule(Fault(.swallow), to: .containing(read), times: nil))
            let before = try await server.post("/api/v1/jobs/j/pause")
            #expect(before.status == 503)
            #expect(before["outcome"] == "not-executed")
            // With the queue named nothing is read before a deletion, but here the job is read after the change.
            let after = try await server.post("/api/downloads/resume")
            #expect(after.status == 503)
            #expect(after["outcome"] == "unknown")
            #expect(after["queue"] == "downloads")
            proxy.heal()
            #expect(try await server.downloads.state("j") == .queued)
        }
    }

    private static func prepare(_ state: JobState, in queue: Queue) async throws {
        let id = try #require(JobID("j"))
        let delay: Duration = state == .scheduled ? .seconds(600) : .zero
        let type = queue.name == .downloads ? "download" : "t"
        _ = try await queue.enqueue(NewJob(id: id, type: type, payload: Array("{}".utf8), delay: delay))
        try await queue.setLimit("host:a", to: QueueLimit(concurrency: 1))
        switch state {
        case .paused: _ = try await queue.control(.pause, id)
        case .cancelled: _ = try await queue.control(.cancel, id)
        default: break
        }
        #expect(try await queue.state("j") == state)
    }
}

/// Runs a test whose server, and the test beside it, reach Redis through a proxy.
///
/// - Parameter commandTimeout: the timeout of commands; long by default, since a lost reply ends the connection.
func withServerBehindProxy(
    commandTimeout: Duration = patience,
    _ body: @concurrent @Sendable (TestServer, FaultProxy) async throws -> Void
) async throws {
    let proxy = try await FaultProxy.start(to: try await SharedRedis.server().socketPath)
    let result: Result<Void, any Error>
    do {
        try await withServer(url: proxy.url, commandTimeout: commandTimeout) { server in
            defer { proxy.heal() }
            try await body(server, proxy)
        }
        result = .success(())
    } catch {
        result = .failure(error)
    }
    await proxy.stop()
    try result.get()
}
