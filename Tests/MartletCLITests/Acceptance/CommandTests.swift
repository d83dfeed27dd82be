// The commands against a real server: what they write, and the codes with which they end.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletQueue
import MartletRedis
import Testing

@testable import MartletCLI

private let content = OriginContent(
    files: (0..<3).map { OriginFile(name: "f\($0).bin", size: 2000, seed: UInt64($0)) }, bytesPerSecond: 1 << 30)

@Suite(.serialized) struct CommandTests {
    @Test func `answers are a table, JSON or lines of JSON, without colour in a pipe`()
        async throws
    {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let names = content.files.map { stack.origin.url(of: $0.name) }
            let added = try await stack.martlet("download", "add", names[0], names[1], names[2], "--priority", "-3")
            #expect(added.status == 0, "\(added.errors)")
            let table = try await stack.martlet("download", "list")
            #expect(table.status == 0)
            let rows = table.output.split(separator: "\n")
            try #require(rows.count == 4)
            #expect(rows[0].hasPrefix("ID ") && rows[0].contains("STATUS") && rows[0].contains("FILE"))
            #expect(rows[1].contains("queued") && rows[1].contains("-3") && rows[1].hasSuffix("f0.bin"))
            #expect(!table.output.contains("\u{1B}"))
            let json = try await stack.martlet("download", "list", "-o", "json")
            #expect(json.json.array?.compactMap { $0["filename"].string } == ["f0.bin", "f1.bin", "f2.bin"])
            let lines = try await stack.martlet("download", "list", "-o", "jsonl", "--limit", "2")
            #expect(lines.output.split(separator: "\n").count == 2)
            #expect(lines.errors.contains("--cursor"), "what is no data goes to standard error")
            let queues = try await stack.martlet("queue", "list", "-o", "json")
            #expect(queues.json.array?.first?["jobs"]["queued"].int == 3)
            let stats = try await stack.martlet("stats", "-o", "jsonl")
            #expect(stats.json["total_jobs"].int == 3)
            let version = try await stack.martlet("version")
            #expect(version.output == "martlet \(Version.current)\n")
        }
    }

    @Test func `a queue is drained and deleted, and asks before that`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            for _ in 0..<3 { #expect(try await stack.martlet("enqueue", "t", "--queue", "old").status == 0) }
            #expect(try await stack.martlet("queue", "drain", "old").status == 64, "there is no terminal to ask")
            #expect(try await stack.martlet("queue", "delete", "old", "--yes").status == 6, "jobs wait")
            let drained = try await stack.martlet("queue", "drain", "old", "--yes", "-o", "json")
            #expect(drained.json["cancelled"].int == 3, "\(drained.errors)")
            #expect(try await stack.martlet("queue", "delete", "old", "--yes").status == 6, "cancelled jobs are kept")
            let deleted = try await stack.martlet("queue", "delete", "old", "--finished", "--yes", "-o", "json")
            #expect(deleted.json["deleted_jobs"].int == 3, "\(deleted.errors)")
            #expect(try await stack.martlet("queue", "get", "old").status == 5)
        }
    }

    @Test func `exit codes follow the outcome`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let away = try await stack.martlet("stats", environment: ["MARTLET_SERVER": "http://127.0.0.1:1"])
            #expect(away.status == 69)
            #expect(away.errors.contains("martlet serve") && away.output.isEmpty)
            #expect(try await stack.martlet("job", "get", "nobody").status == 5)
            #expect(try await stack.martlet("download", "status", "nobody").status == 5)
            #expect(try await stack.martlet("download", "pause").status == 64)
            #expect(try await stack.martlet("nonsense").status == 64)
            #expect(try await stack.martlet("enqueue", "greet", "-d", "{").status == 64)
            let id = try await stack.add("f0.bin")
            #expect(try await stack.martlet("download", "pause", id).status == 0)
            let wrong = try await stack.martlet("download", "retry", id)
            #expect(wrong.status == 6)
            #expect(wrong.errors.contains("paused"), "it says the state: \(wrong.errors)")
            let silent = try await stack.martlet("download", "cancel", id, "nobody")
            #expect(silent.status == 64)
            #expect(silent.errors.contains("--yes"))
            #expect(try await stack.status(id) == "paused", "nothing was done")
            let partial = try await stack.martlet("download", "cancel", id, "nobody", "--yes")
            #expect(partial.status == 2)
            #expect(try await stack.status(id) == "cancelled")
            let none = try await stack.martlet("job", "pause", "nobody", "nothing")
            #expect(none.status == 1)
            let bad = try await stack.martlet("queue", "set", "downloads", "--concurrency", "11")
            #expect(bad.status == 1)
            #expect(bad.errors.contains("concurrency"))
        }
    }

    @Test func `enqueue pushes a payload from the command line, a file or standard input, and waits`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let plain = try await stack.martlet(
                "enqueue", "greet", "-d", "{\"who\":\"Ada\"}", "--queue", "mail", "--priority", "-7", "--tag", "a",
                "--id", "greet-1", "-o", "json")
            #expect(plain.status == 0, "\(plain.errors)")
            #expect(plain.json["payload"]["who"].string == "Ada" && plain.json["priority"].int == -7)
            let path = stack.directory + "/payload.json"
            try Data("[1, 2.5, null]".utf8).write(to: URL(filePath: path))
            let file = try await stack.martlet("enqueue", "greet", "-d", "@" + path, "-o", "json")
            #expect(file.json["payload"].line == "[1,2.5,null]")
            let late = try await stack.martlet("enqueue", "greet", "--wait", "--wait-seconds", "0.4")
            #expect(late.status == 3)
            try stack.work()
            try await stack.until("the worker is there") { try await !stack.downloads.workers().isEmpty }
            let url = stack.origin.url(of: "f1.bin")
            let done = try await stack.martlet("download", "add", url, "--wait", "-o", "json")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.json["status"].string == "completed")
            let missing = try await stack.martlet(
                "download", "add", stack.origin.url(of: "missing"), "--wait", "--wait-seconds", "60")
            #expect(missing.status == 7)
            let workers = try await stack.martlet("worker", "list", "-o", "json")
            #expect(workers.json.array?.count == 1)
            for verb in ["pause", "resume", "cancel", "retry", "cancel", "delete"] {
                let result = try await stack.martlet("job", verb, "greet-1")
                #expect(result.status == 0, "\(verb): \(result.errors)")
            }
            #expect(try await stack.martlet("job", "get", "greet-1").status == 5)
        }
    }

    @Test func `audit and doctor look at Redis itself`() async throws {
        try await TestStack.with(content) { stack in
            let path = "\(stack.filesDirectory)"
            let away = try await stack.martlet("audit", environment: ["REDIS_URL": "redis://127.0.0.1:1"])
            #expect(away.status == 69)
            try await stack.serve()
            let id = try await stack.add("f0.bin")
            let clean = try await stack.martlet("audit")
            #expect(clean.status == 0)
            #expect(clean.output.contains("downloads") && clean.output.contains("true"))
            let doctor = try await stack.martlet("doctor")
            #expect(doctor.status == 0, "\(doctor.output)")
            for word in ["noeviction", "redis version", "environment DOWNLOAD__DIRECTORY", path, "(secret)"] {
                #expect(doctor.output.contains(word), "doctor does not say \(word): \(doctor.output)")
            }
            #expect(!doctor.output.contains(stack.redis.socketPath), "the URL may hold a password")
            try await stack.removeHash(of: id)
            let broken = try await stack.martlet("audit", "-o", "json")
            #expect(broken.status == 1)
            #expect(broken.json.array?.first?["clean"].bool == false)
            try await stack.restoreHash(of: id)
        }
    }

    @Test func `a repair shows what it would do, does it on request, and leaves no findings`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let id = try await stack.add("f0.bin")
            try await stack.removeHash(of: id)
            #expect(try await stack.martlet("audit", "--yes").status == 64)
            let shown = try await stack.martlet("audit", "--repair")
            #expect(shown.status == 1)
            #expect(shown.errors.contains("would be: \(id): ") && shown.errors.contains("nothing was changed"))
            #expect(try await stack.martlet("audit").status == 1)
            let done = try await stack.martlet("audit", "--repair", "--yes")
            #expect(done.status == 0, "\(done.errors)")
            #expect(done.errors.contains("there is no job") && !done.errors.contains("would be"))
            let clean = try await stack.martlet("audit", "-o", "json")
            #expect(clean.status == 0 && clean.json.array?.first?["repaired"].int == 1)
            try await stack.forgetRepairs()
        }
    }

    @Test func `a server with tokens requires them`() async throws {
        try await TestStack.with(content) { stack in
            let token = try await stack.martlet("token", "ops", "--role", "read", "-o", "json")
            let line = try #require(token.json["line"].string)
            let secret = try #require(token.json["token"].string)
            #expect(!line.contains(secret))
            let path = stack.directory + "/tokens"
            try Data((line + "\n").utf8).write(to: URL(filePath: path))
            try await stack.serve(["AUTH_TOKENS_FILE": path])
            #expect(try await stack.martlet("stats").status == 4)
            #expect(try await stack.martlet("stats", "--token", secret).status == 0)
            #expect(try await stack.martlet("stats", environment: ["MARTLET_TOKEN": secret]).status == 0)
            let forbidden = try await stack.martlet("pause", "--token", secret)
            #expect(forbidden.status == 4)
        }
    }
}

@Suite struct StopRequestsTests {
    @Test func `a repetition within a moment is the same request, and a later signal ends the process`() {
        let start = ContinuousClock.now
        var requests = StopRequests()
        #expect(requests.take(at: start) == .stop)
        #expect(requests.take(at: start + .milliseconds(99)) == .same)
        // The stop began late, and the repetition was there all the time.
        requests.hasBegun(at: start + .seconds(10))
        #expect(requests.take(at: start + .seconds(10) + .milliseconds(1)) == .same)
        #expect(requests.take(at: start + .seconds(10) + .milliseconds(100)) == .exit)
    }
}

@Suite(.serialized) struct ProcessTests {
    @Test func `serve refuses to start on a clock that a test has moved`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.downloads.create()
            try await stack.command("HSET", "martlet:{downloads}:meta", "offset", "1000")
            let result = try await stack.martlet("serve")
            #expect(result.status == 78)
            #expect(result.errors.contains("clock"))
            try await stack.command("HDEL", "martlet:{downloads}:meta", "offset")
        }
    }

    @Test func `serve says why it cannot listen, and does not listen to all without tokens`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let taken = try await stack.martlet("serve")
            #expect(taken.status == 69)
            #expect(taken.errors.contains("cannot listen"))
            let open = try await stack.martlet("serve", "--http-host", "0.0.0.0")
            #expect(open.status == 78)
            #expect(open.errors.contains("AUTH_TOKENS_FILE"))
        }
    }

    @Test func `a second signal ends a worker at once, and its job continues elsewhere`() async throws {
        let stalling = OriginContent(
            files: [OriginFile(name: "slow.bin", size: 3 << 20, seed: 1)], bytesPerSecond: 1 << 20
        ) { _, number in number == 1 ? .stall(afterBytes: 1 << 20) : .none }
        try await TestStack.with(stalling) { stack in
            try await stack.serve()
            let worker = try stack.work(["WORKER_SHUTDOWN_GRACE_SECONDS": "60"])
            let id = try await stack.add("slow.bin")
            // Active before the worker knows; one that is stopped earlier runs nothing and ends at once.
            try await stack.until("bytes arrive") { !stack.origin.servings.isEmpty }
            // As GNU timeout does: to the process and to its group. It is suspended (SIGSTOP, SIGCONT) meanwhile, since
            // any time may pass between the two on a slow machine.
            worker.send(19)
            worker.send(15)
            worker.send(15)
            worker.send(18)
            try await stack.until("it is stopping") { stack.log("work").contains("shutting down") }
            #expect(worker.status == nil, "two signals within a moment are one request")
            try await stack.until("it ends at once", within: .seconds(30), every: .milliseconds(250)) {
                worker.send(15)
                return worker.status != nil
            }
            #expect(worker.status == Int32(128 + 15))
            try await stack.endLease(of: id)
            try stack.work()
            try await stack.until(id, is: "completed", within: .seconds(120))
        }
    }

    @Test func `the server answers for liveness, readiness and metrics`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            #expect(try await stack.get("/livez")["status"].string == "ok")
            let limit = JSONValue.object(["concurrency": .integer(2)])
            _ = try await stack.put("/api/v1/queues/default/limits/host:a", limit)
            let metrics = try await stack.text("/metrics")
            for word in [
                "martlet_build_info{version=", "martlet_jobs{", "martlet_redis_up 1",
                #"martlet_limit_usage{limit="host:a",queue="default"} 0"#,
                #"martlet_limit_waiting{limit="host:a",queue="default"} 0"#,
            ] {
                #expect(metrics.contains(word), "no \(word) in the metrics")
            }
        }
    }

    @Test func `dev runs everything in one process and leaves nothing behind`() async throws {
        let port = try await LoopbackPort.free()
        let log = "/tmp/martlet-devtest-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let dev = try Subprocess(
            Program.path, ["dev", "--http-port", String(port)], environment: Subprocess.plainEnvironment,
            output: log, errors: "/dev/null")
        let base = "http://127.0.0.1:\(port)"
        let end = ContinuousClock.now + .seconds(45)
        while !TestStack.text(log).contains("Ctrl-C") {
            try #require(ContinuousClock.now < end && dev.status == nil)
            try await Task.sleep(for: .milliseconds(30))
        }
        let text = TestStack.text(log)
        #expect(text.contains("\(base)/api/downloads"))
        let files = try #require(text.split(separator: "\n").first { $0.hasPrefix("files") })
        let directory = String(files.dropFirst(11).dropLast("/downloads".count))
        #expect(directory.hasPrefix("/tmp/martlet-dev-"))
        #expect(FileManager.default.fileExists(atPath: directory))
        let ready = try await APIClient.with(base, token: nil) { try await $0.get("/readyz") }
        #expect(ready["status"].string == "ok")
        dev.send(15)
        #expect(await dev.wait(within: .seconds(60)) == 0)
        #expect(!FileManager.default.fileExists(atPath: directory))
    }
}
