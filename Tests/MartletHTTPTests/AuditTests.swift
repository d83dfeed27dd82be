// The audit trail: every operator's action is in it, with what it changed, and nothing else is.

import Foundation
import HTTPTypes
import MartletJobs
import MartletQueue
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

extension TestServer {
    /// The entries of the audit trail, newest first.
    fileprivate func trail(_ query: String = "") async throws -> [[String: Any]] {
        let answer = try await get("/api/v1/audit" + query)
        try #require(answer.status == 200, "\(answer.text)")
        return answer.list("entries")
    }
}

private func text(_ entry: [String: Any]?, _ name: String) -> String? { entry?[name] as? String }
private func values(_ entry: [String: Any]?, _ name: String) -> [String: String] {
    entry?[name] as? [String: String] ?? [:]
}

@Suite struct AuditTests {
    @Test func `every route that changes something is recorded, or says why it is no operator's action`() {
        let exempt = [
            "POST /api/downloads", "POST /api/downloads/batch", "POST /api/v1/jobs", "POST /api/v1/jobs/bulk",
            "POST /api/v1/jobs/{id}/clone", "POST /api/v1/claims", "POST /api/v1/claims/settle",
            "POST /api/v1/claims/{token}/complete", "POST /api/v1/claims/{token}/fail",
            "POST /api/v1/claims/{token}/release", "POST /api/v1/claims/{token}/snooze",
            "POST /api/v1/claims/{token}/throttle",
            "PUT /api/v1/claims/{token}/checkpoint", "POST /api/v1/workers/{worker}/heartbeat",
            "DELETE /api/v1/workers/{worker}", "POST /api/session", "DELETE /api/session",
        ]
        for route in Route.all {
            switch route.recording {
            case .reads: #expect(route.isRead, "\(route.name)")
            case .action, .actionInSteps:
                #expect(!route.isRead && !exempt.contains(route.name), "\(route.name)")
                #expect(route.roles?.isSubset(of: [.operate, .admin]) ?? false, "\(route.name)")
            case .exempt(let reason): #expect(exempt.contains(route.name) && !reason.isEmpty, "\(route.name)")
            }
        }
    }

    private static let actions = Route.all.filter(\.recording.isRecorded).flatMap { route in
        route.about().examples.map { (route, $0) }
    }

    @Test(arguments: actions.indices)
    func `the examples of every operator's action leave entries that name it`(index: Int) async throws {
        let (route, example) = Self.actions[index]
        try await withServer { server in
            try await Examples.prepare(server, route)
            let path = Examples.path(route) + (example.query.isEmpty ? "" : "?\(example.query)")
            let answer = try await server.send(HTTPMethod(rawValue: route.method.rawValue), path, example.body)
            try #require(answer.status == example.status, "\(answer.text)")
            let isDry = example.body?.contains("\"dry_run\"") ?? false
            let trail = try await server.trail()
            #expect(trail.isEmpty == isDry, "\(route.name) \(example.name): \(trail)")
            for entry in trail {
                #expect(text(entry, "operation") == route.about().id && text(entry, "who") == "local", "\(entry)")
                #expect(text(entry, "client") == "api" && text(entry, "address") == "127.0.0.1", "\(entry)")
                #expect(entry["at"] != nil && entry["request_id"] != nil, "\(entry)")
            }
        }
    }

    @Test func `pushes, claims and reads leave no entry`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            #expect(try await server.post("/api/v1/claims", #"{"queues":["mail"]}"#).list("claims").count == 1)
            _ = try await server.get("/api/v1/jobs")
            #expect(try await server.trail().isEmpty)
        }
    }

    @Test func `an entry has who did what from where, and the values before and after`() async throws {
        let token = try newToken("ops", [.admin])
        try await withServer(tokens: token.line) { server in
            let caller = server.with(token: token.secret)
            let agent = [("user-agent", "martlet/1.0 (cli)")]
            _ = try await caller.send(.PUT, "/api/v1/queues/mail", #"{"concurrency":5}"#, headers: agent)
            _ = try await caller.send(.PUT, "/api/v1/queues/mail", #"{"concurrency":7}"#, headers: agent)
            let entry = try #require(try await caller.trail().first)
            #expect(text(entry, "who") == "ops" && text(entry, "client") == "cli")
            #expect(text(entry, "operation") == "configureQueue" && text(entry, "action") == "set")
            #expect(text(entry, "queue") == "mail" && text(entry, "result") == "done")
            #expect(values(entry, "before")["limit"] == "5" && values(entry, "after")["limit"] == "7")
            let reason = #"{"reason":"<b>upgrade</b> \u202e 'x'"}"#
            let page = [("sec-fetch-site", "same-origin")]
            _ = try await caller.post("/api/v1/queues/mail/pause", reason, headers: page)
            let pause = try #require(try await caller.trail().first)
            #expect(text(pause, "client") == "dashboard" && values(pause, "before")["paused"] == "no")
            #expect(values(pause, "after")["reason"] == "<b>upgrade</b> \u{202e} 'x'", "\(pause)")
            _ = try await caller.post("/api/v1/queues/mail/resume")
            let resume = try #require(try await caller.trail().first)
            #expect(values(resume, "before")["paused_by"] == "ops" && values(resume, "after")["paused"] == "no")
            #expect(text(resume, "action") == "resume")
        }
    }

    @Test func `a payload is in the trail as a digest, whose word is the queue's own`() async throws {
        try await withServer { server in
            for queue in ["mail", "other"] {
                let job = #"{"type":"t","queue":"\#(queue)","id":"a","payload":{"pin":"0000"},"delay_seconds":60}"#
                try #require(try await server.post("/api/v1/jobs", job).status == 201)
                let patch = #"{"payload":{"pin":"4711"},"priority":9,"max_retries":7}"#
                let answer = try await server.send(.PATCH, "/api/v1/jobs/a?queue=\(queue)", patch)
                try #require(answer.status == 200, "\(answer.text)")
            }
            var digests: Set<String> = []
            for queue in ["mail", "other"] {
                let entry = try #require(try await server.trail("?queue=\(queue)").first)
                #expect(!"\(entry)".contains("4711") && !"\(entry)".contains("0000"), "\(entry)")
                let job = try #require((entry["jobs"] as? [[String: Any]])?.first)
                let changes = try #require(job["changes"] as? [[String: String]])
                func change(_ name: String) -> [String: String]? { changes.first { $0["name"] == name } }
                #expect(change("priority")?["before"] == "0" && change("priority")?["after"] == "9")
                #expect(change("max_retries")?["before"] == "3" && change("max_retries")?["after"] == "7")
                let (old, new) = (change("payload")?["before"], change("payload")?["after"])
                #expect(old?.utf8.count == 12 && new?.utf8.count == 12 && old != new, "\(changes)")
                digests.formUnion([old, new].compactMap(\.self))
            }
            #expect(digests.count == 4, "the same payload has one digest in two queues")
        }
    }

    @Test func `an action on many jobs says how many, and names the first`() async throws {
        try await withServer { server in
            let ids = (0..<120).map { "job-\($0)" }
            let jobs = ids.map { #"{"type":"t","queue":"mail","id":"\#($0)"}"# }.joined(separator: ",")
            try #require(try await server.post("/api/v1/jobs/bulk", "{\"jobs\":[\(jobs)]}").status < 300)
            _ = try await server.post("/api/v1/jobs/job-0/cancel?queue=mail")
            _ = try await server.send(.DELETE, "/api/v1/jobs/job-0?queue=mail")
            let all = (["job-0"] + ids).map { "\"\($0)\"" }.joined(separator: ",")
            _ = try await server.post("/api/v1/jobs/actions?queue=mail", "{\"action\":\"retry\",\"ids\":[\(all)]}")
            let retry = try #require(try await server.trail("?action=retry").first)
            #expect(text(retry, "result") == "done" && retry["total"] as? Int == 119)
            #expect(retry["changed"] as? Int == 0, "queued jobs are queued already: \(retry)")
            let body = #"{"action":"cancel","filter":{"queue":"mail","type":"t","q":"ob-1"}}"#
            let cancel = try await server.post("/api/v1/jobs/actions", body)
            let changed = try #require(cancel.int("changed"))
            let entry = try #require(try await server.trail("?action=cancel").first)
            #expect(entry["changed"] as? Int == changed && changed > 20, "\(entry)")
            #expect((entry["jobs"] as? [Any])?.count == min(changed, 50))
            let filter = try #require(entry["filter"] as? [String: Any])
            #expect(filter["type"] as? String == "t" && filter["q"] as? String == "(not kept)", "\(filter)")
        }
    }

    @Test func `what is refused in part is partly done, and a running job is asked`() async throws {
        try await withServer { server in
            for id in ["a", "b"] {
                _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail","id":"\#(id)"}"#)
            }
            let running = try #require(try await server.claim(from: server.harness.queue("mail")).first)
            let answer = try await server.post(
                "/api/v1/jobs/actions?queue=mail", #"{"action":"run","ids":["a","b"]}"#)
            try #require(answer.status == 200)
            _ = try await server.post("/api/v1/jobs/\(running.id)/cancel?queue=mail")
            let asked = try #require(try await server.trail().first)
            let job = try #require((asked["jobs"] as? [[String: Any]])?.first)
            #expect(job["result"] as? String == "asked" && job["before"] as? String == "active", "\(asked)")
            _ = try await server.post("/api/v1/jobs/b/cancel?queue=mail")
            let both = #"{"action":"retry","ids":["\#(running.id)","b"]}"#
            _ = try await server.post("/api/v1/jobs/actions?queue=mail", both)
            let partly = try #require(try await server.trail("?action=retry").first)
            #expect(text(partly, "result") == "partly" && partly["refused"] as? Int == 1, "\(partly)")
        }
    }

    @Test func `refused attempts are recorded once a minute for each kind, and counted`() async throws {
        let (reader, ops) = (try newToken("reader", [.read]), try newToken("ops", [.operate]))
        try await withServer(tokens: [reader, ops].map(\.line).joined(separator: "\n")) { server in
            let caller = server.with(token: reader.secret)
            for _ in 0..<30 { #expect(try await caller.post("/api/v1/queues/mail/pause").status == 403) }
            #expect(try await caller.get("/api/v1/audit").status == 403)
            let trail = try await server.with(token: ops.secret).trail()
            #expect(trail.count == 1, "\(trail)")
            #expect(text(trail.first, "who") == "reader" && text(trail.first, "result") == "refused")
            #expect(text(trail.first, "queue") == "mail" && text(trail.first, "reason") == "forbidden")
            #expect(text(trail.first, "operation") == "pauseQueue")
        }
    }

    @Test func `refusals have a limit in all, and tell what was left out`() {
        let limit = RefusalLimit()
        let start = ContinuousClock.now
        func kind(_ who: String) -> RefusalLimit.Kind { .init(who: who, route: "r", code: .forbidden) }
        #expect(limit.admit(kind("a"), now: start) == 0)
        for _ in 0..<5 { #expect(limit.admit(kind("a"), now: start) == nil) }
        #expect((0..<1000).count { limit.admit(kind("b\($0)"), now: start) != nil } == RefusalLimit.most - 1)
        #expect(limit.admit(kind("a"), now: start + RefusalLimit.pause) == 5)
        #expect(limit.admit(kind("c"), now: start + RefusalLimit.pause) == 0)
    }

    @Test func `the end of a queue is in the trail, and its own trail is kept`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            _ = try await server.post("/api/v1/queues/mail/drain")
            #expect(try await server.send(.DELETE, "/api/v1/queues/mail?confirm=mail").status == 409)
            #expect(try await server.send(.DELETE, "/api/v1/queues/mail?confirm=mail&finished=true").status == 200)
            let trail = try await server.trail().map { "\(text($0, "action") ?? "") \(text($0, "result") ?? "")" }
            #expect(
                trail == [
                    "deleteQueue done", "deleteQueue started", "deleteQueue refused", "deleteQueue started",
                ])
            // Entries of two trails that have one millisecond stand in the order of their trails.
            let own = try await server.trail("?queue=mail&action=deleteQueue")
            let (actions, times) = (own.compactMap { text($0, "action") }, own.compactMap { text($0, "at") })
            #expect(actions.filter { $0 != "deleteQueue" } == ["delete", "empty"])
            #expect(actions.count == 6 && times.count == 6 && times == times.sorted(by: >), "\(own)")
            let drain = try #require(try await server.trail("?queue=mail&action=drain").first)
            #expect(drain["changed"] as? Int == 1)
            let key = server.harness.key("trail", queue: "mail")
            #expect(try await server.harness.command("TTL", key).int ?? 0 > 86_400)
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            #expect(try await server.harness.command("TTL", key).int == -1, "a new queue goes on with it")
        }
    }

    @Test func `a trail that cannot be written stops the change`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail","id":"a"}"#)
            _ = try await server.harness.command("SET", server.harness.key("trail", queue: "mail"), "x")
            for (method, path) in [
                (HTTPMethod.POST, "/api/v1/jobs/a/cancel?queue=mail"), (.POST, "/api/v1/queues/mail/pause"),
                (.POST, "/api/v1/queues/mail/drain"),
            ] {
                let answer = try await server.send(method, path)
                #expect(answer.status >= 500, "\(path): \(answer.text)")
            }
            let queue = try await server.get("/api/v1/queues/mail")
            #expect((queue.json["jobs"] as? [String: Int])?["queued"] == 1 && queue.bool("paused") != true)
            // The audit of the data, which every test ends with, would find the foreign key.
            _ = try await server.harness.command("DEL", server.harness.key("trail", queue: "mail"))
        }
    }

    @Test func `pages go from new to old over all trails without gaps, and filters apply`() async throws {
        try await withServer { server in
            for queue in ["a", "b"] { _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"\#(queue)"}"#) }
            for _ in 0..<7 {
                for queue in ["a", "b"] { _ = try await server.post("/api/v1/queues/\(queue)/pause") }
                _ = try await server.post("/api/v1/pause")
            }
            let all = try await server.trail("?limit=200").compactMap { text($0, "id") }
            #expect(all.count == 21 && Set(all).count == 21)
            var (paged, cursor): ([String], String?) = ([], "")
            while let place = cursor {
                let query = "?limit=4" + (place.isEmpty ? "" : "&cursor=\(place)")
                let page = try await server.get("/api/v1/audit" + query)
                paged += page.list("entries").compactMap { text($0, "id") }
                cursor = page["next_cursor"]
            }
            #expect(paged == all)
            #expect(try await server.trail("?queue=a").count == 7)
            #expect(try await server.trail("?action=pauseAll").count == 7)
            #expect(try await server.trail("?who=nobody").isEmpty)
            let times = try await server.trail("?limit=200").compactMap { text($0, "at") }
            #expect(times == times.sorted(by: >))
            let middle = try #require(times.dropFirst(10).first)
            let (from, to) = (
                try await server.trail("?limit=200&from=\(middle)"), try await server.trail("?limit=200&to=\(middle)")
            )
            #expect(from.count + to.count == 21 && from.count > 10)
            for wrong in ["?from=yesterday", "?cursor=x", "?queue=Q!", "?job=a b", "?job=actions", "?limit=0"] {
                #expect(try await server.get("/api/v1/audit" + wrong).status == 422, "\(wrong)")
            }
        }
    }

    @Test func `an export has all entries as lines`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            for _ in 0..<250 { _ = try await server.post("/api/v1/queues/mail/pause", #"{"reason":"again"}"#) }
            let answer = try await server.get("/api/v1/audit?queue=mail", headers: [("accept", "application/x-ndjson")])
            #expect(answer.headers.first(name: "content-type") == "application/x-ndjson")
            let lines = answer.text.split(separator: "\n")
            let entries = lines.compactMap { line in
                try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            }
            #expect(entries.count == 250 && lines.count == 250)
            #expect(Set(entries.compactMap { text($0, "id") }).count == 250)
        }
    }

    @Test func `a trail keeps about as many entries as are set`() async throws {
        try await withServer(settings: { $0.auditEntries = 100 }) { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"mail"}"#)
            for _ in 0..<400 { _ = try await server.post("/api/v1/queues/mail/pause") }
            let kept = try await server.harness.command("XLEN", server.harness.key("trail", queue: "mail")).int ?? 0
            #expect((100...300).contains(kept), "\(kept)")
        }
    }

    @Test func `a caller sees the entries of its queues alone`() async throws {
        let (all, some) = (try newToken("all", [.operate]), try newToken("some", [.operate], "shop-*"))
        try await withServer(tokens: [all, some].map(\.line).joined(separator: "\n")) { server in
            for queue in ["shop-eu", "bank"] {
                _ = try await server.harness.queue(queue).enqueue(NewJob(type: "t", payload: []))
                _ = try await server.with(token: all.secret).post("/api/v1/queues/\(queue)/pause")
            }
            _ = try await server.with(token: all.secret).post("/api/v1/pause")
            let caller = server.with(token: some.secret)
            #expect(try await caller.trail().compactMap { text($0, "queue") } == ["shop-eu"])
            #expect(try await caller.get("/api/v1/audit?queue=bank").status == 403)
            #expect(try await caller.post("/api/v1/queues/bank/pause").status == 403)
            #expect(try await caller.trail().count == 1, "its refusal names a queue that it may not see")
            #expect(try await server.with(token: all.secret).trail().count == 4)
        }
    }
}
