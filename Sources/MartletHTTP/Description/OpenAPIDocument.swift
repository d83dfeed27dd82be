// The description of the API as an OpenAPI 3.1 document, made from the table of routes.

import HTTPTypes
import MartletJSON

/// Makes the document of a server.
struct OpenAPIDocument {
    private var schemas: SchemaWriter
    private var paths = JSONObject()
    private var responses = JSONObject()

    /// The whole document.
    ///
    /// - Parameters:
    ///   - routes: the routes to describe.
    ///   - settings: the limits to show.
    static func json(of routes: [Route] = Route.all, settings: ServerSettings) -> JSONValue {
        var document = OpenAPIDocument(schemas: SchemaWriter(settings: settings))
        for route in routes { document.add(route) }
        return document.whole(settings)
    }

    private init(schemas: SchemaWriter) { self.schemas = schemas }

    private func whole(_ settings: ServerSettings) -> JSONValue {
        .fields([
            "openapi": "3.1.0",
            "info": .fields([
                "title": "Martlet", "version": .string(settings.version), "summary": "A job queue service on Redis.",
                "description": .string(Self.introduction),
            ]),
            "servers": .array([
                .fields([
                    "url": .string(settings.pathPrefix.isEmpty ? "/" : settings.pathPrefix),
                    "description": "The server that answered this document.",
                ])
            ]),
            "tags": .array(
                RouteTag.allCases.map { .fields(["name": .string($0.rawValue), "description": .string($0.about)]) }),
            "paths": .object(paths),
            "components": .fields([
                "schemas": .object(schemas.components), "responses": .object(responses),
                "securitySchemes": .fields([
                    "token": .fields([
                        "type": "http", "scheme": "bearer",
                        "description": "A token of the server's token file. A server without tokens needs none.",
                    ])
                ]),
            ]),
        ])
    }

    private static let introduction = """
        JSON in and out, names in `snake_case`, times in RFC 3339 in UTC, durations as numbers of seconds. Lengths of \
        texts are in bytes of UTF-8. Whole numbers are written without a fraction and an exponent. Fields and parameters \
        that are not listed are refused. A slash at the end of a path changes nothing. `HEAD` is answered wherever `GET` is, \
        and `OPTIONS` with `Allow`. Each answer has an `X-Request-ID`, which a request may choose.

        Errors are problems as in RFC 9457: match on `code`; `type` is the path of a page that explains it. Before every \
        route a connection can be refused with 400, 408, 429, 431 or 503.
        """

    private mutating func add(_ route: Route) {
        let method = route.method.rawValue.lowercased()
        var path = paths[route.template]?.object ?? JSONObject()
        path[method] = operation(route)
        paths[route.template] = .object(path)
    }

    // MARK: - Operations

    private mutating func operation(_ route: Route) -> JSONValue {
        let about = route.about()
        let text = [about.details, route.access].filter { !$0.isEmpty }.joined(separator: "\n\n")
        let parameters = parameters(route, about)
        return .fields([
            "operationId": .string(about.id), "tags": .array([.string(about.tag.rawValue)]),
            "summary": .string(about.summary), "description": .string(text),
            "security": route.security, "parameters": parameters.isEmpty ? nil : .array(parameters),
            "requestBody": requestBody(route, about), "responses": .object(answers(route, about)),
        ])
    }

    private mutating func parameters(_ route: Route, _ about: RouteDescription) -> [JSONValue] {
        route.pathParameters.map { parameter($0, in: "path") }
            + route.parameters().map { described in
                let name = described.property.name
                var examples = JSONObject()
                for example in about.examples {
                    guard let text = example.parameters.first(where: { $0.name == name })?.value else { continue }
                    let value = Self.value(text, of: schemas.json(described.property))
                    examples[example.name] = .fields(["summary": .string(example.summary), "value": value])
                }
                return parameter(described.property, in: "query")
                    .adding("examples", examples.names.isEmpty ? nil : .object(examples))
            } + about.headers.map { parameter($0, in: "header") }
    }

    /// The text of a parameter as the type of its schema.
    private static func value(_ text: String, of schema: JSONValue) -> JSONValue {
        schema["type"].string == "string" ? .string(text) : .spelled(text)
    }

    private mutating func parameter(_ property: Property, in place: String) -> JSONValue {
        var bare = property
        bare.example = nil
        let schema = schemas.json(bare)
        var keywords = schema.object ?? JSONObject()
        keywords["description"] = nil
        return .fields([
            "name": .string(property.name), "in": .string(place), "required": .bool(property.isRequired),
            "description": .string(property.about), "schema": .object(keywords), "example": property.example,
        ])
    }

    private mutating func requestBody(_ route: Route, _ about: RouteDescription) -> JSONValue? {
        guard let shape = route.body.shape else { return nil }
        let bodies = about.examples.filter { $0.body != nil }
        var content = JSONObject()
        content["application/json"] = media(.object(shape), bodies.filter { !$0.isLines })
        if let line = route.body.lineShape {
            content["application/x-ndjson"] = media(.batch(of: .object(line)), bodies.filter(\.isLines))
        }
        return .fields(["required": .bool(!route.body.isOptional), "content": .object(content)])
    }

    private mutating func media(_ schema: Schema, _ examples: [RouteExample]) -> JSONValue {
        var values = JSONObject()
        for example in examples {
            values[example.name] = .fields(["summary": .string(example.summary), "value": example.value])
        }
        return .fields(["schema": schemas.json(schema), "examples": values.names.isEmpty ? nil : .object(values)])
    }

    // MARK: - Answers

    private mutating func answers(_ route: Route, _ about: RouteDescription) -> JSONObject {
        var answers: [Int: JSONValue] = [:]
        for answer in about.answers { answers[answer.status] = response(answer) }
        // In a fixed order, since it numbers the shared responses.
        for (status, codes) in route.problemsByStatus.sorted(by: { $0.key < $1.key })
        where !ProblemCode.isOfConnectionOnly(codes) {
            answers[status] = problems(codes)
        }
        var object = JSONObject()
        for (status, answer) in answers.sorted(by: { $0.key < $1.key }) { object[String(status)] = answer }
        return object
    }

    private mutating func response(_ answer: RouteAnswer) -> JSONValue {
        var content = JSONObject()
        switch answer.content {
        case .json(let schema): content["application/json"] = .fields(["schema": schemas.json(schema)])
        case .jsonOrLines(let schema, let line):
            content["application/json"] = .fields(["schema": schemas.json(schema)])
            content[TrailLines.type] = .fields(["schema": schemas.json(line)])
        case .text(let types):
            for type in types {
                // JSON and YAML without a schema of ours are the document itself.
                let isObject = type.hasSuffix("json") || type.hasSuffix("yaml")
                content[type] = .fields(["schema": .fields(["type": isObject ? "object" : "string"])])
            }
        case .nothing: break
        }
        return .fields([
            "description": .string(answer.about), "headers": headers(answer.headers),
            "content": content.names.isEmpty ? nil : .object(content),
        ])
    }

    private mutating func headers(_ properties: [Property]) -> JSONValue? {
        guard !properties.isEmpty else { return nil }
        var headers = JSONObject()
        for property in properties {
            headers[property.name] = .fields([
                "description": .string(property.about), "required": .bool(property.isRequired),
                "schema": schemas.json(property.schema),
            ])
        }
        return .object(headers)
    }

    /// The problems of one status, which all routes with the same codes share.
    private mutating func problems(_ codes: [ProblemCode]) -> JSONValue {
        let status = codes[0].status
        let response = JSONValue.fields([
            "description": .string(codes.map { "`\($0.rawValue)`: \($0.meaning)" }.joined(separator: "\n\n")),
            "headers": headers(ProblemCode.headers(of: codes)),
            "content": .fields([
                "application/problem+json": .fields(["schema": schemas.json(.object(HTTPProblem.shape))])
            ]),
            "x-codes": .array(codes.map { .string($0.rawValue) }),
        ])
        let base = status.reasonPhrase.filter { $0.isLetter }
        let name = (1...).lazy.map { $0 == 1 ? base : "\(base)\($0)" }
            .first { responses[$0] == nil || responses[$0] == response }
        guard let name else { return response }
        responses[name] = response
        return .fields(["$ref": .string("#/components/responses/\(name)")])
    }
}
