// The document of the API: complete by the table of routes, served once made, and true for each example.

import Foundation
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct DocumentTests {
    private let contract = APIContract.standard
    private var document: JSONValue { contract.document }

    private func operation(_ route: Route) -> JSONValue {
        document["paths"][route.template][route.method.rawValue.lowercased()]
    }

    @Test func `every route is an operation of the document, and every operation is a route`() {
        var operations: Set<String> = []
        for path in document["paths"].object?.fields ?? [] {
            for operation in path.value.object?.names ?? [] {
                operations.insert("\(operation.uppercased()) \(path.name)")
            }
        }
        #expect(operations == Set(Route.all.map(\.name)))
    }

    @Test func `operations have names of their own, summaries, sentences and known tags`() {
        let ids = Route.all.map { operation($0)["operationId"].string ?? "" }
        #expect(Set(ids).count == ids.count)
        for route in Route.all {
            let operation = operation(route)
            let summary = operation["summary"].string ?? ""
            #expect(!summary.isEmpty && !summary.hasSuffix("."), "\(route.name)")
            let description = operation["description"].string ?? ""
            #expect(description.isEmpty || description.hasSuffix("."), "\(route.name): \(description)")
            #expect(
                !route.about().answers.isEmpty && !route.about().examples.isEmpty,
                "\(route.name) has no answer or example")
            #expect(RouteTag(rawValue: operation["tags"].array?.first?.string ?? "") != nil, "\(route.name)")
        }
    }

    @Test func `parameters and bodies are those of the table`() {
        for route in Route.all {
            let parameters = operation(route)["parameters"].array ?? []
            func names(_ place: String) -> [String] {
                parameters.filter { $0["in"].string == place }.compactMap { $0["name"].string }
            }
            #expect(Set(names("query")) == route.query, "\(route.name)")
            #expect(
                names("path").map { "{\($0)}" } == route.template.split(separator: "/").filter { $0.hasPrefix("{") })
            let content = operation(route)["requestBody"]["content"].object?.names ?? []
            let types = (route.body.shape == nil ? [] : ["application/json"])
            #expect(content == types + (route.body.lineShape == nil ? [] : ["application/x-ndjson"]), "\(route.name)")
        }
    }

    @Test func `each role that may call a route is a requirement of its own, and public routes have none`() {
        for route in Route.all {
            let requirements = operation(route)["security"].array ?? []
            let roles = requirements.compactMap { $0["token"].array?.first?.string }
            #expect(Set(roles) == Set((route.roles.map { $0.union([.admin]) } ?? []).map(\.rawValue)), "\(route.name)")
            #expect(roles.count == requirements.count)
        }
    }

    @Test func `every described member has a sentence, and every reference leads somewhere`() throws {
        var references: Set<String> = []
        for schema in document["components"]["schemas"].object?.fields ?? [] {
            #expect(schema.value["description"].string?.hasSuffix(".") ?? false, "\(schema.name)")
            for member in schema.value["properties"].object?.fields ?? [] {
                #expect(member.value["description"].string?.hasSuffix(".") ?? false, "\(schema.name).\(member.name)")
            }
        }
        for match in document.line.matches(of: #/"\$ref": ?"#/components/(\w+)/(\w+)"/#) {
            references.insert(String(match.2))
            #expect(document["components"][String(match.1)][String(match.2)].object != nil, "\(match.0)")
        }
        let schemas = Set(document["components"]["schemas"].object?.names ?? [])
        #expect(schemas.subtracting(references).isEmpty, "unused schemas")
    }

    @Test func `each described field of each body is read by the server, and no other is accepted`() async throws {
        try await withServer { server in
            for route in Route.all {
                guard let shape = route.body.shape else { continue }
                let path = Examples.path(route)
                let nulls = shape.properties.map { "\"\($0.name)\":null" }.joined(separator: ",")
                let all = try await server.send(HTTPMethod(rawValue: route.method.rawValue), path, "{\(nulls)}")
                #expect(!all.text.contains("is not known here"), "\(route.name): \(all.text)")
                let unknown = try await server.send(
                    HTTPMethod(rawValue: route.method.rawValue), path, #"{"nobody_knows_it":1}"#)
                #expect(unknown.pointers.contains("/nobody_knows_it"), "\(route.name): \(unknown.text)")
            }
        }
    }

    @Test func `a value that the schema of a field refuses is refused by the server at that field`() async throws {
        try await withServer { server in
            for route in Route.all {
                guard let shape = route.body.shape else { continue }
                for property in shape.properties {
                    guard let wrong = Examples.wrongValue(of: property, contract.document) else { continue }
                    let body = "{\"\(property.name)\":\(wrong)}"
                    let answer = try await server.send(
                        HTTPMethod(rawValue: route.method.rawValue), Examples.path(route), body)
                    let place = "/" + property.name
                    #expect(
                        answer.status == 422 && answer.pointers.contains { $0.hasPrefix(place) },
                        "\(route.name) \(body): \(answer.text)")
                }
            }
        }
    }

    @Test func `every example is accepted by its schema`() {
        for route in Route.all {
            for example in route.about().examples {
                guard let value = example.value else { continue }
                let type = example.isLines ? "application/x-ndjson" : "application/json"
                let parsed = (try? JSONValue(Array(value.line.utf8))) ?? .null
                var check = SchemaCheck(document: document)
                let faults = check.faults(parsed, contract.bodySchema(route, type))
                #expect(faults.isEmpty, "\(route.name) \(example.name): \(faults)")
                let shown = operation(route)["requestBody"]["content"][type]["examples"][example.name]["value"]
                #expect(shown.line == value.line, "\(route.name) does not show the example \(example.name)")
            }
        }
    }

    @Test(arguments: [
        (200, #"{"status":"ok"}"#, true), (200, #"{"status":"ok","more":1}"#, false), (200, "{}", false),
        (200, #"{"status":"well"}"#, false), (201, #"{"status":"ok"}"#, false), (200, "[]", false),
        (503, #"{"type":"/","title":"t","status":503,"detail":"d","code":"not-alive"}"#, true),
        (503, #"{"type":"/","title":"t","status":503,"detail":"d","code":"not-ready"}"#, false),
        (503, #"{"type":"/","title":"t","status":503,"code":"not-alive"}"#, false),
    ])
    func `an answer that is not as the document says is noticed`(status: Int, body: String, isRight: Bool) {
        let type = status == 200 ? "application/json" : "application/problem+json"
        let answer = Answer(status: status, headers: ["content-type": type], body: Array(body.utf8))
        #expect(contract.faults(.GET, "/livez", answer).isEmpty == isRight)
    }
}
