// `martlet mcp` as an assistant starts it: messages on standard input, a real server behind it.

import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import Testing

@testable import MartletCLI

@Suite(.serialized) struct MCPTests {
    /// Sends messages to the command and returns its responses by id.
    private func talk(_ stack: TestStack, _ flags: String, _ messages: [String]) async throws -> [Int: JSONValue] {
        let lines = messages.map { "'\($0)'" }.joined(separator: " ")
        let result = try await stack.shell("printf '%s\\n' \(lines) | martlet mcp \(flags)")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let responses = try result.output.split(separator: "\n").map { try JSONValue($0.utf8) }
        return Dictionary(uniqueKeysWithValues: responses.map { ($0["id"].int ?? 0, $0) })
    }

    private func call(_ id: Int, _ tool: String, _ arguments: String = "{}") -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"\#(tool)","arguments":\#(arguments)}}"#
    }

    /// The JSON that a tool returned.
    private func content(_ response: JSONValue?) throws -> JSONValue {
        let text = try #require(response?["result"]["content"].array?.first?["text"].string)
        return (try? JSONValue(text.utf8)) ?? .string(text)
    }

    @Test func `an assistant finds the failed job and runs it again`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1 << 20)) { stack in
            try await stack.serve()
            let queue = stack.store.queue(.default)
            let id = try #require(JobID("bad"))
            _ = try await queue.enqueue(NewJob(id: id, type: "t", payload: Array(#"{"n":"a\nb"}"#.utf8), maxRetries: 0))
            let claimed = try #require(try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 1)).jobs.first)
            _ = try await queue.settle([
                Settlement(id: id, token: claimed.token, outcome: .failedForGood(error: "no disk"))
            ])
            let found = try await talk(
                stack, "",
                [
                    #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#,
                    #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
                    call(2, "list_jobs", #"{"state":"failed"}"#), call(3, "get_job", #"{"id":"bad"}"#),
                    call(4, "retry_job", #"{"id":"bad"}"#), call(5, "get_job", #"{"id":"nowhere"}"#), call(6, "stats"),
                    call(7, "list_queues"), call(8, "list_workers"), call(9, "check_health"),
                    call(10, "list_downloads"),
                    call(11, "get_queue", #"{"queue":"default"}"#),
                    call(12, "list_errors", #"{"queue":"default"}"#),
                    call(13, "get_queue_history", #"{"queue":"default","step":"60"}"#),
                    call(14, "list_jobs", #"{"q":"no disk","payload_path":"n","payload_value":"a\nb"}"#),
                    call(15, "list_jobs", #"{"q":"another error"}"#),
                ])
            #expect(Set(found.keys) == Set(1...15))
            #expect(try content(found[2])["jobs"].array?.first?["id"] == "bad")
            #expect(try content(found[3])["error"].string == "no disk")
            #expect(found[4]?["error"]["code"].int == -32602, "writes are not allowed")
            #expect(found[5]?["result"]["isError"] == true)
            #expect(try content(found[14])["jobs"].array?.map { $0["id"] } == ["bad"])
            #expect(try content(found[15])["jobs"].array?.isEmpty == true)
            for id in 6...13 { #expect(found[id]?["result"]["isError"] == false, "\(id)") }
            #expect(try await queue.job(id)?.state == .failed)
            let steered = try await talk(
                stack, "--allow-writes",
                [
                    call(1, "retry_job", #"{"id":"bad"}"#), call(2, "set_job_priority", #"{"id":"bad","priority":9}"#),
                    call(3, "pause_job", #"{"id":"bad"}"#), call(4, "resume_job", #"{"id":"bad"}"#),
                    call(5, "pause_queue", #"{"queue":"default","reason":"asked to"}"#),
                    call(6, "resume_queue", #"{"queue":"default"}"#), call(7, "cancel_job", #"{"id":"bad"}"#),
                ])
            for id in 1...7 { #expect(steered[id]?["result"]["isError"] == false, "\(id): \(steered[id]?.line ?? "")") }
            #expect(try await queue.job(id)?.state == .cancelled)
        }
    }

    @Test func `without a server a tool says so and the command goes on`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1 << 20)) { stack in
            let answers = try await talk(stack, "", [call(1, "stats"), #"{"id":2,"method":"ping"}"#])
            #expect(try content(answers[1]).string?.contains("no server at") == true)
            #expect(answers[2]?["result"].object != nil)
        }
    }
}
