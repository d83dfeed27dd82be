// `martlet mcp`: serves a Martlet server's jobs and queues to an assistant over the Model Context Protocol.

import ArgumentParser
import Dispatch
import MartletCommandSupport
import MartletJSON
import NIOCore

struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Serve jobs and queues to an assistant (Model Context Protocol).",
        discussion: """
            Reads JSON-RPC messages from standard input, one a line, and writes the responses to standard output. It \
            exits at the end of its input. Assistants start it themselves; name it in their settings.
            """)

    @Flag(help: "Also offer the tools that change jobs and queues; without it nothing can be changed.")
    var allowWrites = false
    @OptionGroup var client: ClientOptions

    func run() async throws {
        let session = MCPSession(tools: MCPTool.all.filter { allowWrites || !$0.isWrite })
        try await client.withClient(as: "mcp") { client in
            while let line = await StandardInputLines.next() {
                guard let response = await session.response(to: line, client) else { continue }
                Console.standard.out(response.line)
            }
        }
    }
}

extension MCPSession {
    /// Handles one message; makes the request that it asks for.
    fileprivate func response(to line: String, _ client: APIClient) async -> JSONValue? {
        switch receive(line) {
        case .nothing: return nil
        case .reply(let response): return response
        case .call(let id, let request):
            do {
                let answer = try await client.send(
                    request.method, request.path, query: request.query, body: request.body, timeout: .seconds(30))
                return Self.result(id, text: answer.value.line)
            } catch {
                return Self.result(id, failure: (error as? CommandFailure)?.message ?? "the request was stopped")
            }
        }
    }
}

/// Standard input line by line.
enum StandardInputLines {
    private static let queue = DispatchQueue(label: "martlet.stdin")

    /// The next line without its end; `nil` at the end of the input.
    static func next() async -> String? {
        // Reading blocks its thread, and the concurrency pool has few of them.
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: readLine()) }
        }
    }
}
