// Client commands in a shell against a real server: input from pipes, payloads byte for byte, waits, errors as JSON.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import Testing

@testable import MartletCLI

private let content = OriginContent(
    files: (0..<3).map { OriginFile(name: "f\($0).bin", size: 2000, seed: UInt64($0)) }, bytesPerSecond: 1 << 30)

@Suite(.serialized) struct ClientCommandTests {
    @Test func `standard input, files and process substitution are read`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            for command in [
                "echo '{\"n\":1}' | martlet enqueue t -d - -o json",
                "martlet enqueue t -d @<(echo '{\"n\":1}') -o json",
                "martlet enqueue t -d - -o json < <(sleep 0.2; echo '{\"n\":1}')",
            ] {
                let result = try await stack.shell(command)
                #expect(result.status == 0, "\(command): \(result.errors)")
                #expect(result.json["payload"]["n"].int == 1)
            }
            let urls = content.files.map { stack.origin.url(of: $0.name) }
            for command in [
                "printf '%s\\n' \(urls.joined(separator: " ")) | martlet download add --from - -o jsonl",
                "martlet download add --from <(printf '%s\\n' \(urls.joined(separator: " "))) -o jsonl",
            ] {
                let result = try await stack.shell(command)
                #expect(result.status == 0, "\(command): \(result.errors)")
                #expect(result.output.split(separator: "\n").count == urls.count)
            }
            let missing = try await stack.martlet("enqueue", "t", "-d", "@/nowhere/at-all")
            #expect(missing.status == 64)
            #expect(missing.errors == "martlet: cannot read /nowhere/at-all: there is no such file or directory\n")
        }
    }

    @Test func `a payload arrives byte for byte and is shown in its order with all its digits`() async throws {
        let payload = "{ \"z\":1e400, \"a\" : 18446744073709551616 ,\"\u{E9}\":1,\"e\u{301}\":2,\"d\":0.10}"
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let pushed = try await stack.martlet("enqueue", "t", "--id", "odd", "-d", payload, "-o", "jsonl")
            #expect(pushed.status == 0, "\(pushed.errors)")
            let queue = stack.store.queue(.default)
            let id = try #require(JobID("odd"))
            let record = try #require(try await queue.job(id))
            #expect(record.payload == Array(payload.utf8))
            let shown = "\"payload\":" + payload.replacing(" ", with: "")
            for arguments in [["job", "get", "odd"], ["job", "list"], ["job", "get", "odd", "-o", "table"]] {
                let result = try await stack.shell("martlet \(arguments.joined(separator: " "))")
                #expect(result.status == 0, "\(result.errors)")
            }
            let line = try await stack.martlet("job", "get", "odd", "-o", "jsonl")
            #expect(line.output.contains(shown))
            let pretty = try await stack.martlet("job", "get", "odd", "-o", "json")
            #expect(pretty.output.contains("18446744073709551616") && pretty.output.contains("1e400"))
        }
    }

    @Test func `every field of a push has its option`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let moment = Date(timeIntervalSinceNow: 7200).formatted(.iso8601)
            let result = try await stack.martlet(
                "enqueue", "t", "--run-at", moment, "--metadata", #"{"order": 4711}"#, "--backoff",
                "base=2s,factor=3,cap=1h", "--timeout", "5m", "--max-retries", "7", "-d", "-5", "-o", "json")
            #expect(result.status == 0, "\(result.errors)")
            let job = try await stack.get("/api/v1/jobs/\(result.json["id"].string ?? "")")
            #expect(job["payload"].int == -5 && job["metadata"]["order"].int == 4711)
            #expect(job["state"].string == "scheduled" && job["due_at"].string?.prefix(16) == moment.prefix(16))
            #expect(job["backoff"]["base_seconds"].int == 2 && job["backoff"]["cap_seconds"].int == 3600)
            #expect(job["timeout_seconds"].int == 300 && job["max_retries"].int == 7)
        }
    }

    @Test func `a wait prints the job at once, and its state at the timeout`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let waiting = try await stack.martlet("enqueue", "greet", "--wait", "--wait-seconds", "2500ms")
            #expect(waiting.status == 3)
            let id = waiting.output.split(separator: "\n").map(String.init)
            try #require(id.count == 1)
            #expect(try await stack.martlet("job", "get", id[0]).status == 0, "the id is that of the job")
            #expect(waiting.errors.contains("No worker serves the queue default"), "\(waiting.errors)")
            #expect(waiting.errors.contains("it is queued") && waiting.errors.contains("job get \(id[0]) --wait"))
            #expect(!waiting.errors.contains("\u{1B}"), "no progress without a terminal")
            let json = try await stack.martlet("enqueue", "greet", "--wait", "--wait-seconds", "0.3", "-o", "json")
            #expect(json.status == 3 && json.json["state"].string == "queued")
            let url = stack.origin.url(of: "f0.bin")
            let late = try await stack.martlet("download", "add", url, "--wait", "--wait-seconds", "0.3")
            #expect(late.status == 3)
            #expect(try await stack.martlet("download", "status", late.output.replacing("\n", with: "")).status == 0)
        }
    }

    @Test func `a wait reports a job whose type no worker knows`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try stack.work(["WORKER_QUEUES": "default=2"])
            let id = try #require(JobID("greet-1"))
            #expect(try await stack.martlet("enqueue", "greet", "--id", "\(id)").status == 0)
            // The worker may start late, and it is what knows the reason.
            try await stack.until("the worker has released it") {
                try await stack.store.queue(.default).job(id)?.error?.hasPrefix("waits for a worker") == true
            }
            let result = try await stack.martlet("job", "get", "\(id)", "--wait", "--wait-seconds", "6")
            #expect(result.status == 3)
            #expect(result.errors.contains("knows jobs of type greet"), "\(result.errors)")
        }
    }

    @Test func `with JSON as output errors are JSON`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let missing = try await stack.martlet("job", "get", "nobody", "-o", "json")
            let error = try JSONValue(missing.errors.utf8)
            #expect(missing.status == 5 && missing.output.isEmpty)
            #expect(error["exit_code"].int == 5 && error["code"].string?.isEmpty == false)
            #expect(error["message"].string?.contains("nobody") == true)
            let away = try await stack.martlet(
                "stats", "-o", "jsonl", environment: ["MARTLET_SERVER": "http://127.0.0.1:1"])
            #expect(try JSONValue(away.errors.utf8)["code"].string == "unavailable")
            let usage = try await stack.martlet("download", "pause", "--output=json")
            #expect(try JSONValue(usage.errors.utf8)["exit_code"].int == 64)
        }
    }

    @Test func `settings of a queue are set one by one, and the other half of a retention is kept`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            let set = try await stack.martlet(
                "queue", "set", "mail", "--ageing", "1m", "--completed-age", "2h", "--completed-count", "50", "-o",
                "json")
            #expect(set.status == 0, "\(set.errors)")
            #expect(set.json["settings"]["ageing_seconds"].int == 60)
            #expect(set.json["settings"]["retention"]["completed"].line == #"{"age_seconds":7200,"count":50}"#)
            let half = try await stack.martlet("queue", "set", "mail", "--completed-age", "1d", "-o", "json")
            #expect(half.json["settings"]["retention"]["completed"].line == #"{"age_seconds":86400,"count":50}"#)
            #expect(half.json["settings"]["ageing_seconds"].int == 60)
            #expect(try await stack.martlet("queue", "set", "mail").status == 64)
        }
    }

    @Test(arguments: ["version", "token probe --role read", "reference", "completion bash"])
    func `output that cannot be written is a failure`(command: String) async throws {
        try await TestStack.with(content) { stack in
            let failure = "martlet: cannot write to standard output: "
            let full = try await stack.shell("martlet \(command) > /dev/full")
            #expect(full.status == 1 && full.errors.contains(failure + "there is no space left"), "\(full.errors)")
            let closed = try await stack.shell("martlet \(command) >&-")
            #expect(closed.status == 1 && closed.errors.contains(failure), "\(closed.errors)")
            let gone = try await stack.shell("martlet \(command) | true")
            #expect(!gone.errors.contains("cannot write"), "\(gone.errors)")
        }
    }

    @Test func `an unknown role is answered with the known ones`() async throws {
        try await TestStack.with(content) { stack in
            let result = try await stack.martlet("token", "x", "--role", "boss")
            #expect(result.status == 64)
            #expect(result.errors.contains("There is no role boss. Roles are produce, work, read, operate, admin."))
        }
    }
}

extension TestStack {
    /// Runs a line of bash with `martlet` on its path.
    func shell(_ line: String, within limit: Duration = .seconds(90)) async throws -> CommandResult {
        let path = Program.path.split(separator: "/").dropLast().joined(separator: "/")
        return try await CommandResult.of(
            "/bin/bash", ["-c", "PATH=/\(path):$PATH; \(line)"], environment: environment, in: directory,
            within: limit)
    }
}
