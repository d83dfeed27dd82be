// `martlet audit-log` against a real server: what each program did, as tables, lines and a stream.

import Foundation
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

private let content = OriginContent(files: [], bytesPerSecond: 1 << 30)

@Suite(.serialized) struct AuditLogTests {
    @Test func `the audit log names the program that acted, and what it changed`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            #expect(try await stack.martlet("enqueue", "t", "--queue", "q", "--id", "a").status == 0)
            #expect(try await stack.martlet("job", "priority", "a", "--to", "7").status == 0)
            #expect(try await stack.martlet("queue", "pause", "q", "--reason", "upgrade {now}").status == 0)
            let call =
                #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"cancel_job","arguments":{"id":"a"}}}"#
            let assistant = try await stack.shell("printf '%s\\n' '\(call)' | martlet mcp --allow-writes")
            #expect(assistant.status == 0, "\(assistant.errors)")
            let found = try await stack.martlet("audit-log", "-o", "json")
            let entries = found.json.array ?? []
            #expect(entries.compactMap { $0["operation"].string } == ["cancelJob", "pauseQueue", "changeJob"])
            #expect(entries.compactMap { $0["client"].string } == ["mcp", "cli", "cli"], "\(found.output)")
            let table = try await stack.martlet("audit-log")
            #expect(table.output.contains("a queued, priority 0 -> 7"), "\(table.output)")
            #expect(table.output.contains("reason - -> upgrade {now}"), "\(table.output)")
            for (filter, count) in [
                (["--action", "pause"], 1), (["--queue", "q"], 3), (["--job", "a"], 2), (["--who", "nobody"], 0),
                (["--from", "1h"], 3), (["--to", "1h"], 0), (["--limit", "2"], 2), (["--limit", "1", "--all"], 3),
            ] {
                let some = try await stack.martlet(["audit-log", "-o", "jsonl"] + filter)
                #expect(
                    some.status == 0 && some.output.split(separator: "\n").count == count, "\(filter) \(some.errors)")
            }
            #expect(try await stack.martlet("audit-log", "-f", "--all").status == 64)
        }
    }

    @Test func `new entries are shown as they come, each once, until Ctrl-C`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            #expect(try await stack.martlet("pause", "--reason", "first").status == 0)
            let following = try stack.start(["audit-log", "-f", "-o", "jsonl"])
            func lines() -> [Substring] { stack.log("audit-log").split(separator: "\n") }
            try await stack.until("it shows what was there") { lines().count == 1 }
            #expect(try await stack.martlet("resume").status == 0)
            #expect(try await stack.martlet("pause", "--reason", "second").status == 0)
            try await stack.until("it shows what came") { lines().count >= 3 }
            #expect(lines().count == 3 && lines().last?.contains("second") == true, "\(lines())")
            #expect(kill(following.processID, SIGINT) == 0)
            try await stack.until("it ends") { following.status != nil }
            #expect(following.status == 0)
        }
    }
}
