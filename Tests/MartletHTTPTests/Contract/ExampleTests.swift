// Sends every example of the document to a live server, and compares the answer with the document.

import Foundation
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

/// Paths and values for the document's examples.
enum Examples {
    static let id = "order-4711"

    /// The path of a route with the examples of its parameters.
    static func path(_ route: Route) -> String {
        route.pathParameters.reduce(route.template) {
            $0.replacing("{\($1.name)}", with: $1.example?.string ?? "")
        }
    }

    /// A value that a field refuses by its schema; `nil` where any value is right.
    static func wrongValue(of property: Property, _ document: JSONValue) -> String? {
        var writer = SchemaWriter(settings: ServerSettings())
        let schema = writer.json(property.schema)
        switch schema["type"].string {
        case "string": return "{}"
        case "integer", "number": return schema["maximum"].double.map { "\($0 * 2 + 1)" } ?? "\"x\""
        case "boolean", "array", "object": return "\"x\""
        default: return schema["$ref"].string == nil ? nil : "7"
        }
    }

    /// What must be so before the example of an operation is sent.
    static func prepare(_ server: TestServer, _ route: Route) async throws {
        let isDownload = route.template.hasPrefix("/api/downloads")
        let queue = server.harness.queue(isDownload ? "downloads" : "mail")
        let id = try #require(JobID(Self.id))
        let payload = isDownload ? #"{"url":"https://example.com/a.flac","filename":"a.flac"}"# : #"{"to":"ada"}"#
        let isLater = route.about().id == "runJob"
        let job = NewJob(
            id: id, digest: "d", type: isDownload ? "download" : "send-mail", payload: Array(payload.utf8),
            delay: isLater ? .seconds(3600) : .zero)
        if route.about().id == "deleteQueue" { return try await queue.create() }
        _ = try await queue.enqueue(job)
        if route.template.contains("{key}") {
            try await queue.setLimit("host:example.com", to: QueueLimit(concurrency: 2))
        }
        switch route.about().id {
        case "resumeJob", "resumeDownload": _ = try await queue.control(.pause, [id])
        case "retryJob", "retryDownload", "deleteJob": _ = try await queue.control(.cancel, [id])
        default: break
        }
    }
}

@Suite struct ExampleTests {
    private static let examples: [(route: Route, example: RouteExample)] = Route.all.flatMap { route in
        route.about().examples.map { (route, $0) }
    }

    @Test(arguments: examples.indices)
    func `an example is answered as the document says`(index: Int) async throws {
        let (route, example) = Self.examples[index]
        try await withServer { server in
            try await Examples.prepare(server, route)
            let path = Examples.path(route) + (example.query.isEmpty ? "" : "?\(example.query)")
            let answer = try await server.send(
                HTTPMethod(rawValue: route.method.rawValue), path, example.body,
                type: example.isLines ? "application/x-ndjson" : "application/json")
            #expect(answer.status == example.status, "\(route.name) \(example.name): \(answer.text)")
        }
    }
}
