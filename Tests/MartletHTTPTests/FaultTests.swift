// What callers are told when Redis is away, stuck, or full.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import MartletRedis
import NIOHTTP1
import TestSupport
import Testing

@Suite struct FaultTests {
    @Test func `while Redis is unavailable every answer is 503 with nothing executed, and all works again afterwards`()
        async throws
    {
        let redis = try await ownRedis("http", options: ["--appendonly", "yes", "--appendfsync", "always"])
        try await withServer(url: redis.url) { server in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t","id":"kept"}"#).status == 201)
            redis.kill()
            try await eventually("the server notices") { !server.store.isConnected }
            async let push = server.post("/api/v1/jobs", #"{"type":"t"}"#)
            async let read = server.get("/api/v1/jobs/kept?queue=default")
            async let ready = server.get("/readyz")
            async let pause = server.post("/api/v1/pause")
            for answer in try await [push, read, pause] {
                #expect(answer.status == 503)
                #expect(answer["outcome"] == "not-executed")
                #expect(answer.headers.first(name: "retry-after") == "1")
                #expect(answer["code"] == "redis-unavailable")
            }
            let check = try await ready
            #expect(check.status == 503)
            #expect(check["check"] == "redis")
            #expect(try await server.get("/livez").status == 200)
            try await redis.restart(within: .seconds(60))
            try await eventually("the server is back") { server.store.isConnected }
            #expect(try await server.get("/api/v1/jobs/kept?queue=default").status == 200)
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t"}"#).status == 201)
        }
        await redis.stop()
    }

    @Test func `refused credentials are distinguished from an unreachable Redis`() async throws {
        let redis = try await ownRedis("http")
        let letIn: @Sendable () async throws -> Void = {
            try await ask(redis, "ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all")
        }
        try await letIn()
        try await withServer(url: redis.url + "?user=app&password=pw") { server in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t"}"#).status == 201)
            // Its connections end with it.
            try await ask(redis, "ACL", "DELUSER", "app")
            try await eventually("every answer says why") {
                let answer = try await server.get("/api/v1/stats")
                return answer.status == 503 && answer["code"] == "redis-denied"
            }
            try await letIn()
            try await eventually("the server is back") { server.store.isConnected }
        }
        await redis.stop()
    }

    @Test func `while Redis does not answer a push is 503 with an unknown outcome and its ids`() async throws {
        let redis = try await ownRedis("http")
        try await withServer(url: redis.url) { server in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t"}"#).status == 201)
            redis.pause()
            async let single = server.post("/api/v1/jobs", #"{"type":"t","id":"asked"}"#)
            async let bulk = server.post("/api/v1/jobs/bulk", #"{"atomic":false,"jobs":[{"type":"t","id":"b"}]}"#)
            let (first, second) = try await (single, bulk)
            redis.unpause()
            #expect(first.status == 503)
            #expect(first["outcome"] == "unknown")
            #expect(first.strings("ids") == ["asked"])
            #expect(second.status == 503)
            #expect(second.list("results").first?["status"] as? String == "unknown")
            // What was told as unknown may be asked for, and sent again without a second job.
            try await eventually("the server is back") { server.store.isConnected }
            let again = try await server.post("/api/v1/jobs", #"{"type":"t","id":"asked"}"#)
            #expect([200, 201].contains(again.status))
            #expect(try await server.get("/api/v1/jobs/asked").status == 200)
        }
        await redis.stop()
    }

    @Test func `when Redis is full a push is 503, not 500, and reads go on`() async throws {
        let redis = try await ownRedis("http")
        try await withServer(url: redis.url, commandTimeout: patience) { server in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t","id":"x"}"#).status == 201)
            try await server.harness.command("CONFIG", "SET", "maxmemory", "1")
            let answer = try await server.post("/api/v1/jobs", #"{"type":"t"}"#)
            #expect(answer.status == 503)
            #expect(answer["code"] == "redis-full")
            #expect(answer["outcome"] == "not-executed")
            #expect(try await server.get("/api/v1/jobs/x").status == 200)
            try await server.harness.command("CONFIG", "SET", "maxmemory", "0")
        }
        await redis.stop()
    }

    @Test func `a queue of a newer version is refused and not changed`() async throws {
        try await withServer { server in
            _ = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q"}"#)
            try await server.harness.command("HSET", server.harness.key("meta"), "schema", "99")
            let answer = try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q"}"#)
            #expect(answer.status == 503)
            #expect(answer["code"] == "newer-schema")
            try await server.harness.command("HSET", server.harness.key("meta"), "schema", "1")
        }
    }

    @Test func `Idempotency: a push whose reply is lost is said again and makes one job`() async throws {
        try await withServerBehindProxy(commandTimeout: .seconds(3)) { server, proxy in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"warm"}"#).status == 201)
            // The connection says nothing more from this reply on, so what is written to it has no answer in time. The
            // second tries go through another one.
            proxy.add(FaultRule(Fault(.swallow, isSilent: true), to: .containing("canary")))
            async let single = server.post("/api/v1/jobs", #"{"type":"canary"}"#)
            async let bulk = server.post("/api/v1/jobs/bulk", #"{"jobs":[{"type":"t"},{"type":"t"}]}"#)
            async let batch = server.post("/api/downloads/batch", #"{"downloads":[{"url":"https://a.example"}]}"#)
            let answers = try await [single, bulk, batch]
            #expect(proxy.lostReplies == 1)
            #expect(answers.map(\.status) == [201, 201, 200], "\(answers.map(\.text))")
            #expect(answers[1].int("created") == 2)
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 5)
        }
    }

    @Test func `failures of Redis are reported in plain words, and its address only to operators`()
        async throws
    {
        let redis = try await ownRedis("away")
        let (producer, owner) = (try newToken("p", [.produce]), try newToken("o", [.operate, .produce, .read]))
        try await withServer(url: redis.url, tokens: "\(producer.line)\n\(owner.line)") { server in
            redis.kill()
            try await eventually("the server notices") { !server.store.isConnected }
            for path in ["/readyz", "/readyz?verbose", "/ready"] {
                let answer = try await server.get(path)
                #expect(answer.status == 503 && answer["detail"] == "redis: Redis cannot be reached", "\(answer.text)")
                #expect(!answer.text.contains("unix") && !answer.text.contains("onnect("), "\(answer.text)")
                let wrong = try await server.with(token: "wrong").get(path)
                #expect(wrong["cause"] == nil)
                let known = try await server.with(token: owner.secret).get(path)
                #expect(known["cause"]?.contains("unix://") ?? false, "\(known.text)")
            }
            for (path, body) in [
                ("/api/v1/jobs", #"{"type":"t"}"#), ("/api/v1/jobs/bulk", #"{"atomic":false,"jobs":[{"type":"t"}]}"#),
            ] {
                let answer = try await server.with(token: producer.secret).post(path, body)
                #expect(answer.status == 503 && !answer.text.contains("unix"), "\(answer.text)")
                let known = try await server.with(token: owner.secret).post(path, body)
                #expect(known["cause"]?.contains("unix://") ?? false, "\(known.text)")
            }
            try await redis.restart(within: .seconds(60))
            try await eventually("the server is back") { server.store.isConnected }
        }
        await redis.stop()
    }

    @Test func `a server whose Redis does not answer reports quickly that it is not ready`() async throws {
        let redis = try await ownRedis("stuck")
        try await withServer(
            url: redis.url, commandTimeout: .seconds(60), settings: { $0.checkLimit = .milliseconds(400) }
        ) { server in
            redis.pause()
            let answer = try await server.get("/readyz")
            redis.unpause()
            #expect(answer.status == 503 && answer["check"] == "redis")
            // The limit of the check, and not that of a command, which is a minute.
            #expect(answer["detail"] == "redis: Redis did not answer in time")
        }
        await redis.stop()
    }

    @Test
    func `when Redis becomes a replica reads continue, writes are refused with the reason, and reconnects are paced`()
        async throws
    {
        let redis = try await ownRedis("demoted")
        try await withServer(url: redis.url, commandTimeout: patience) { server in
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t","id":"kept"}"#).status == 201)
            try await server.harness.command("REPLICAOF", "127.0.0.1", "1")
            let before = try await server.connectionsEver()
            for round in 0..<20 {
                let write = try await server.post("/api/v1/jobs", #"{"type":"t"}"#)
                #expect(write.status == 503 && write["code"] == "redis-read-only", "\(round): \(write.text)")
                for path in ["/api/v1/stats", "/api/v1/jobs/kept", "/api/v1/queues"] {
                    let read = try await server.get(path)
                    #expect(read.status == 200, "\(round): \(read.text)")
                }
            }
            let ready = try await server.get("/readyz")
            #expect(ready.status == 503 && ready["check"] == "redis-role", "\(ready.text)")
            #expect(try await server.connectionsEver() - before < 15, "20 writes were refused")
            try await server.harness.command("REPLICAOF", "NO", "ONE")
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t"}"#).status == 201)
        }
        await redis.stop()
    }

    @Test func `a server at a replica is not ready`() async throws {
        let pair = try await ReplicaPair.start()
        try await withServer(url: pair.replica.url, commandTimeout: patience) { server in
            let answer = try await server.get("/readyz")
            #expect(answer.status == 503 && answer["check"] == "redis-role", "\(answer.text)")
            #expect(answer["detail"] == "redis-role: Redis is a read-only replica")
        }
        await pair.stop()
    }
}

extension TestServer {
    /// How many connections Redis has accepted since it was started.
    fileprivate func connectionsEver() async throws -> Int {
        let info = try await store.serverInformation()
        return try #require(info["total_connections_received"].flatMap { Int($0) })
    }
}
