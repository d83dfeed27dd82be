// Compares what a server answers with the document of the API; every answer of every test is compared.

import Foundation
import HTTPTypes
import MartletJSON
import NIOHTTP1
import Testing

@testable import MartletHTTP

/// The document of the API and its routes.
struct APIContract {
    static let standard = APIContract()

    let document: JSONValue
    /// A check that has seen nothing.
    let check: SchemaCheck
    private let operations: [String: JSONValue]
    private let responses: [String: JSONValue]
    private let matcher = RouteMatcher(Route.all)
    /// The pages for people, which the document leaves out.
    private let pages = RouteMatcher(Route.pages)
    /// Problems of the connection, which no route describes.
    private static let anywhere: Set<String> = Set(ProblemCode.connection.map(\.rawValue))

    private init() {
        document = OpenAPIDocument.json(settings: ServerSettings())
        check = SchemaCheck(document: document)
        var operations: [String: JSONValue] = [:]
        for path in document["paths"].object?.fields ?? [] {
            for operation in path.value.object?.fields ?? [] {
                operations["\(operation.name) \(path.name)"] = operation.value
            }
        }
        self.operations = operations
        let responses = document["components"]["responses"].object?.fields ?? []
        self.responses = Dictionary(uniqueKeysWithValues: responses.map { ($0.name, $0.value) })
    }

    /// What is wrong with an answer; empty when it is as the document says.
    func faults(_ method: HTTPMethod, _ path: String, _ answer: Answer) -> [String] {
        var check = check
        return faults(method, path, answer, &check)
    }

    /// The same, recording the members that were seen.
    func faults(_ method: HTTPMethod, _ path: String, _ answer: Answer, _ check: inout SchemaCheck) -> [String] {
        guard method != .OPTIONS else {
            return answer.status == 204 || answer.status >= 400 ? [] : ["OPTIONS is not 204"]
        }
        let body = Self.body(answer)
        let code = body?["code"].string
        let bare = String(path.prefix { $0 != "?" })
        guard pages.match(bare) == nil else { return [] }
        let verb = method == .HEAD ? "get" : method.rawValue.lowercased()
        let operation = matcher.match(bare).flatMap { operations["\(verb) \($0.path.template)"] } ?? .null
        guard operation.object != nil, !(code.map(Self.anywhere.contains) ?? false) else {
            guard answer.status >= 400 else { return ["it is not described"] }
            return problem(answer, body, method, &check)
        }
        let response = resolved(operation["responses"][String(answer.status)])
        guard response.object != nil else { return ["status \(answer.status) (\(code ?? "")) is not described"] }
        var faults = headers(answer, response)
        if let code, let codes = response["x-codes"].array, !codes.contains(.string(code)) {
            faults.append("the code \(code) is not described for \(answer.status)")
        }
        guard method != .HEAD, !answer.body.isEmpty else { return faults }
        return faults + content(answer, body, response, &check)
    }

    /// The schema of a body that an operation accepts.
    func bodySchema(_ route: Route, _ type: String = "application/json") -> JSONValue {
        document["paths"][route.template][route.method.rawValue.lowercased()]["requestBody"]["content"][type]["schema"]
    }

    private static func body(_ answer: Answer) -> JSONValue? {
        mediaType(answer).hasSuffix("json") ? try? JSONValue(answer.body) : nil
    }

    private static func mediaType(_ answer: Answer) -> String {
        String((answer.headers.first(name: "content-type") ?? "").prefix { $0 != ";" })
    }

    private func resolved(_ response: JSONValue) -> JSONValue {
        guard let name = response["$ref"].string?.split(separator: "/").last else { return response }
        return responses[String(name)] ?? .null
    }

    private func problem(
        _ answer: Answer, _ body: JSONValue?, _ method: HTTPMethod, _ check: inout SchemaCheck
    ) -> [String] {
        guard method != .HEAD, !answer.body.isEmpty else { return [] }
        guard let body else { return ["a problem without JSON"] }
        return check.faults(body, .fields(["$ref": "#/components/schemas/Problem"]))
    }

    private func headers(_ answer: Answer, _ response: JSONValue) -> [String] {
        (response["headers"].object?.fields ?? []).compactMap { field in
            guard field.value["required"].bool ?? false, answer.headers[field.name].isEmpty else { return nil }
            return "the header \(field.name) is missing"
        }
    }

    private func content(
        _ answer: Answer, _ body: JSONValue?, _ response: JSONValue, _ check: inout SchemaCheck
    ) -> [String] {
        let type = Self.mediaType(answer)
        let content = response["content"][type]
        guard content.object != nil else { return ["the type \(type) is not described for \(answer.status)"] }
        guard type.hasSuffix("json") else { return [] }
        if type == TrailLines.type {
            return answer.text.split(separator: "\n").flatMap { line in
                check.faults((try? JSONValue(Array(line.utf8))) ?? .null, content["schema"])
            }
        }
        guard let body else { return ["the body is no JSON"] }
        // The document itself is an object of another standard.
        guard content["schema"]["$ref"].string != nil || content["schema"]["anyOf"].array != nil else { return [] }
        return check.faults(body, content["schema"])
    }
}
