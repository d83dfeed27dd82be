// A tool of `martlet mcp`: its name, its arguments, and the request of the HTTP API that it makes.

import MartletJSON
import NIOHTTP1

/// A request of the HTTP API.
struct MCPRequest: Sendable, Equatable {
    var method: HTTPMethod = .GET
    var path: String
    var query: [(String, String?)] = []
    var body: JSONValue?

    static func == (one: MCPRequest, other: MCPRequest) -> Bool {
        one.method == other.method && one.path == other.path && one.body == other.body
            && APIClient.query(one.query) == APIClient.query(other.query)
    }
}

/// A wrong argument of a tool, told so that the assistant can correct it.
struct MCPArgumentError: Error {
    var reason: String
}

/// An argument of a tool.
struct MCPArgument: Sendable {
    enum Kind: Sendable {
        case text
        case choice([String])
        case integer(ClosedRange<Int>)
    }

    var name: String
    var kind: Kind
    var help: String
    var isNeeded = false

    /// Its JSON Schema.
    var schema: JSONValue {
        switch kind {
        case .text: .object(["type": "string", "description": .string(help)])
        case .choice(let words):
            .object(["type": "string", "enum": .array(words.map { .string($0) }), "description": .string(help)])
        case .integer(let range):
            .object([
                "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
                "description": .string(help),
            ])
        }
    }

    /// The value as text; throws when it does not fit.
    func text(of value: JSONValue) throws(MCPArgumentError) -> String {
        switch kind {
        case .text:
            if let text = value.string, !text.isEmpty { return text }
            throw MCPArgumentError(reason: "\(name) must be a text that is not empty")
        case .choice(let words):
            if let text = value.string, words.contains(text) { return text }
            throw MCPArgumentError(reason: "\(name) must be one of \(words.joined(separator: ", "))")
        case .integer(let range):
            if let number = value.int, range.contains(number) { return String(number) }
            throw MCPArgumentError(reason: "\(name) must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
    }
}

/// A tool.
struct MCPTool: Sendable {
    var name: String
    var title: String
    var help: String
    var arguments: [MCPArgument] = []
    /// Whether it changes something.
    var isWrite = false
    /// Makes the request from the checked arguments, by name.
    var make: @Sendable ([String: String]) -> MCPRequest

    /// The tool as `tools/list` tells it.
    var description: JSONValue {
        var properties = JSONObject()
        for argument in arguments { properties[argument.name] = argument.schema }
        let needed = arguments.filter(\.isNeeded).map { JSONValue.string($0.name) }
        return .object([
            "name": .string(name), "title": .string(title), "description": .string(help),
            "inputSchema": .object([
                "type": "object", "properties": .object(properties), "required": .array(needed),
                "additionalProperties": false,
            ]),
            "annotations": .object([
                "readOnlyHint": .bool(!isWrite), "destructiveHint": .bool(isWrite), "idempotentHint": true,
                "openWorldHint": false,
            ]),
        ])
    }

    /// The request for these arguments; throws when one is missing, unknown or does not fit.
    func request(_ values: JSONValue) throws(MCPArgumentError) -> MCPRequest {
        guard let given = values.isNull ? JSONObject() : values.object else {
            throw MCPArgumentError(reason: "the arguments must be an object")
        }
        for name in given.names where !arguments.contains(where: { $0.name == name }) {
            let known = arguments.map(\.name).joined(separator: ", ")
            throw MCPArgumentError(
                reason: "\(self.name) has no argument \(name); it has \(known.isEmpty ? "none" : known)")
        }
        var texts: [String: String] = [:]
        for argument in arguments {
            let value = given[argument.name] ?? .null
            if value.isNull {
                guard !argument.isNeeded else { throw MCPArgumentError(reason: "\(argument.name) is missing") }
            } else {
                texts[argument.name] = try argument.text(of: value)
            }
        }
        return make(texts)
    }
}
