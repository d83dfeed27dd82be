// The Model Context Protocol without I/O: every kind of message and what becomes of it.

import MartletJSON
import Testing

@testable import MartletCLI

@Suite struct MCPSessionTests {
    private let reader = MCPSession(tools: MCPTool.all.filter { !$0.isWrite })
    private let writer = MCPSession(tools: MCPTool.all)

    private func reply(_ session: MCPSession, _ line: String) throws -> JSONValue {
        guard case .reply(let reply) = session.receive(line) else {
            Issue.record("no reply to \(line)")
            return .null
        }
        return reply
    }

    private func request(_ session: MCPSession, _ tool: String, _ arguments: String) throws -> MCPRequest {
        let line =
            #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"\#(tool)","arguments":\#(arguments)}}"#
        guard case .call(let id, let request) = session.receive(line) else {
            Issue.record("no call for \(line): \(session.receive(line))")
            throw MCPArgumentError(reason: "no call")
        }
        #expect(id == 7)
        return request
    }

    @Test(arguments: [("2025-03-26", "2025-03-26"), ("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-11-25")])
    func `initialize agrees on a revision that both know`(_ wanted: String, _ agreed: String) throws {
        let line = #"{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"\#(wanted)"}}"#
        let reply = try reply(reader, line)
        #expect(reply["id"] == "a" && reply["jsonrpc"] == "2.0")
        #expect(reply["result"]["protocolVersion"].string == agreed)
        #expect(reply["result"]["serverInfo"]["name"] == "martlet")
        #expect(reply["result"]["capabilities"]["tools"].object != nil)
    }

    @Test(arguments: [
        ("{", -32700), ("[]", -32600), (#"{"id":1}"#, -32600), (#"{"id":{},"method":"ping"}"#, -32600),
        (#"{"id":null,"method":"ping"}"#, -32600), (#"{"id":1,"method":"resources/list"}"#, -32601),
        (#"{"id":1,"method":"tools/call","params":{"name":"sudo"}}"#, -32602),
    ])
    func `a message that is wrong has the error code of JSON-RPC`(_ line: String, _ code: Int) throws {
        let reply = try reply(reader, line)
        #expect(reply["error"]["code"].int == code, "\(reply.line)")
        #expect(reply["error"]["message"].string?.isEmpty == false)
    }

    @Test(arguments: [
        #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        #"{"jsonrpc":"2.0","id":4,"result":{}}"#,
    ])
    func `notifications and responses have no response`(_ line: String) {
        #expect(reader.receive(line) == .nothing)
    }

    @Test func `ping is answered`() throws {
        #expect(try reply(reader, #"{"id":1,"method":"ping"}"#)["result"] == .object([:]))
    }

    @Test func `tools that write are offered only if allowed`() throws {
        let list = #"{"id":1,"method":"tools/list"}"#
        let reads = try reply(reader, list)["result"]["tools"].array ?? []
        let all = try reply(writer, list)["result"]["tools"].array ?? []
        #expect(reads.count >= 10 && all.count == reads.count + 8)
        #expect(reads.allSatisfy { $0["annotations"]["readOnlyHint"] == true })
        let call = #"{"id":1,"method":"tools/call","params":{"name":"cancel_job","arguments":{"id":"a"}}}"#
        let refusal = try reply(reader, call)
        #expect(refusal["error"]["message"].string?.contains("--allow-writes") == true)
        #expect(try request(writer, "cancel_job", #"{"id":"a"}"#).path == "/api/v1/jobs/a/cancel")
    }

    @Test func `every tool has a schema with a description of each argument`() {
        for tool in MCPTool.all {
            let schema = tool.description["inputSchema"]
            #expect(schema["type"] == "object" && schema["additionalProperties"] == false)
            for name in schema["properties"].object?.names ?? [] {
                #expect(schema["properties"][name]["description"].string?.isEmpty == false, "\(tool.name).\(name)")
            }
        }
        #expect(Set(MCPTool.all.map(\.name)).count == MCPTool.all.count)
    }

    @Test func `arguments become a path, a query and a body, and are escaped`() throws {
        let list = try request(reader, "list_jobs", #"{"queue":"a b","state":"failed","limit":3}"#)
        #expect(list.path == "/api/v1/jobs")
        #expect(APIClient.query(list.query) == "?queue=a%20b&state=failed&limit=3")
        let found = try request(
            reader, "list_jobs", #"{"tag":"a","q":"x y","payload_path":"customer.id","payload_value":"4711"}"#)
        #expect(APIClient.query(found.query) == "?tag=a&q=x%20y&payload.customer.id=4711&limit=20")
        let history = try request(reader, "get_queue_history", #"{"queue":"q","step":"60"}"#)
        #expect(history.path == "/api/v1/queues/q/history" && APIClient.query(history.query) == "?step=60")
        #expect(try request(reader, "get_job", #"{"id":"../x"}"#).path == "/api/v1/jobs/..%2Fx")
        let priority = try request(writer, "set_job_priority", #"{"id":"a","priority":-5}"#)
        #expect(priority.body == .object(["priority": -5]))
        let pause = try request(writer, "pause_queue", #"{"queue":"q","reason":"too \"slow\""}"#)
        #expect(pause.body?["reason"].string == #"too "slow""#)
    }

    @Test(arguments: [
        ("get_job", "{}", "id is missing"), ("get_job", #"{"id":""}"#, "not empty"),
        ("get_job", #"{"id":4}"#, "a text"),
        ("get_job", #"{"id":"a","que":"b"}"#, "no argument que"), ("get_job", "[]", "must be an object"),
        ("list_jobs", #"{"state":"lost"}"#, "must be one of queued"), ("list_jobs", #"{"limit":201}"#, "1 to 200"),
        ("set_job_priority", #"{"id":"a","priority":1e9}"#, "-1000 to 1000"),
    ])
    func `a wrong argument is a result that says what is wrong`(
        _ tool: String, _ arguments: String, _ reason: String
    ) throws {
        let line = #"{"id":7,"method":"tools/call","params":{"name":"\#(tool)","arguments":\#(arguments)}}"#
        let result = try reply(writer, line)["result"]
        #expect(result["isError"] == true)
        #expect(result["content"].array?.first?["text"].string?.contains(reason) == true, "\(result.line)")
    }
}
