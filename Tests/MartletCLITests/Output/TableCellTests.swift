// No table for people has JSON in a cell: each command that shows one, and each of their columns.

import ArgumentParser
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

@Suite struct CellTests {
    @Test(
        arguments: [
            (#"{"queued":3,"active":1}"#, "queued 3, active 1"), (#"["a","b"]"#, "a, b"), ("{}", ""), ("[]", ""),
            (#"{"a":{"b":[1,2]},"c":null}"#, "a (b (1, 2)), c "),
            (#"[{"name":"q","code":"x"},{"name":"r"}]"#, "name q, code x; name r"), ("null", ""), ("1e400", "1e400"),
        ])
    func `objects and lists are text`(_ json: String, _ text: String) throws {
        #expect(OutputOptions.cell(try JSONValue(json.utf8)) == text)
    }

    @Test func `no column of any table shows JSON, whatever its field holds`() throws {
        let odd = try JSONValue(#"{"a":{"b":"c"},"d":[{"e":1}]}"#.utf8)
        let names = [
            "id", "name", "queue", "type", "state", "status", "priority", "attempt", "error", "created_at", "filename",
            "version", "check", "result", "value", "clean", "checked", "ledger_difference", "repaired", "host", "pid",
        ]
        var object = JSONObject()
        for name in names { object[name] = odd }
        let info = JSONValue.object(object)
        object["jobs"] = odd
        object["settings"] = .object(["concurrency": odd])
        object["queues"] = .array([.object(["queue": odd, "info": info])])
        for view in TopView.allCases.map(\.columns) + [JobCommand.view] {
            let row = view.row(.object(object))
            #expect(row.allSatisfy { !$0.contains("{\"") && !$0.contains("[{") }, "\(row)")
        }
        let fields = FieldList(.object(object), first: []).lines(width: nil).joined(separator: "\n")
        // What users stored as JSON is shown as it is, and "result" is such a field.
        let own = fields.split(separator: "\n").filter { !$0.hasPrefix("result") }
        #expect(own.allSatisfy { !$0.contains("{\"") }, "\(fields)")
    }
}

@Suite(.serialized) struct TableCommandTests {
    @Test func `no table of a command has JSON in it`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1 << 30)) { stack in
            try await stack.serve()
            try stack.work(["WORKER_QUEUES": "downloads=1"])
            for id in ["a", "b", "c"] {
                _ = try await stack.post(
                    "/api/v1/jobs",
                    .object([
                        "type": "send", "id": .string(id), "queue": "mail", "tags": .array(["x", "y"]),
                        "unique_key": .string("key \(id)"), "backoff": .object(["base_seconds": 2]),
                    ]))
            }
            let url = stack.origin.url(of: "missing.bin")
            try await stack.until("a worker is there") {
                try await stack.get("/api/v1/workers")["workers"].array?.isEmpty == false
            }
            // A queue that cannot be read is an object in an answer.
            _ = try await stack.post("/api/v1/jobs", .object(["type": "t", "queue": "broken"]))
            try await stack.command("RENAME", "martlet:{broken}:meta", "kept")
            try await stack.command("SET", "martlet:{broken}:meta", "no hash")
            var tables = [
                "download add \(url) --priority 1", "download list", "download status", "queue list", "queue get mail",
                "queue pause mail --reason why", "queue resume mail", "queue set mail --concurrency 3", "pause",
                "resume",
                "stats", "worker list", "job list", "job get a", "job pause a b", "job resume a",
                "job priority a b --to 3",
                "job cancel a b --yes", "job retry a b", "doctor", "audit --queue mail", "top --once", "version",
            ]
            tables += TopView.allCases.map { "top --once --view \($0.rawValue)" }
            for line in tables {
                let result = try await stack.martlet(line.split(separator: " ").map(String.init))
                #expect(result.status != 64, "\(line): \(result.errors)")
                let lines = result.output.split(separator: "\n").filter { !$0.hasPrefix("payload") }
                #expect(!lines.isEmpty || result.status != 0, "\(line): \(result.errors)")
                #expect(lines.allSatisfy { !$0.contains("{\"") && !$0.contains("[{") }, "\(line)\n\(result.output)")
            }
            let stats = try await stack.martlet("stats")
            #expect(stats.output.contains("damaged") && stats.output.contains("name broken, code"), "\(stats.output)")
            try await stack.command("RENAME", "kept", "martlet:{broken}:meta")
        }
    }
}
