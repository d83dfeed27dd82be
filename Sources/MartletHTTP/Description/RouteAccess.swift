// The descriptions of a route's path and access in the API document, from its entry in the table.

import HTTPTypes
import MartletJSON

extension Route {
    /// The parameters in the path.
    var pathParameters: [Property] {
        template.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            PathParameter.named($0.dropFirst().dropLast())
        }
    }

    /// Who may call it, as a sentence; empty for public routes.
    var access: String {
        guard let roles else { return "" }
        let names = Role.allCases.filter(roles.union([.admin]).contains).map { "`\($0.rawValue)`" }
        let place =
            switch scope {
            case .named: "the queue"
            case .downloads: "the queue `downloads`"
            case .all: "all queues"
            }
        let role = names.count == 1 ? "the role \(names[0])" : "one of the roles \(names.joined(separator: ", "))"
        return "Where the server has tokens, it needs \(role) for \(place)."
    }

    /// One requirement for each role, any of which is enough; none for public routes.
    var security: JSONValue {
        guard let roles else { return .array([]) }
        return .array(
            Role.allCases.filter(roles.union([.admin]).contains).map {
                .fields(["token": .array([.string($0.rawValue)])])
            })
    }
}

/// The parameters of paths.
enum PathParameter {
    private static let all: [Property] = [
        // Reserved words lead to other routes, so no request for a job has one.
        Property(
            name: "id", schema: .keywords(["type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"]),
            about: "The id of the job.", isRequired: true, example: "order-4711"),
        Property(name: "queue", schema: .queueName, about: "The queue.", isRequired: true, example: "mail"),
        Property(
            name: "key", schema: .keywords(["type": "string", "pattern": "^[a-z][a-z0-9_-]{0,31}:.{1,128}$"]),
            about: "The key that is limited, or `<class>:*` for each value of a class; percent-encoded.",
            isRequired: true,
            example: "host:example.com"),
        Property(
            name: "code", schema: .words(ProblemCode.allCases.map(\.rawValue)), about: "The code of the problem.",
            isRequired: true, example: "invalid-state"),
        Property(
            name: "token", schema: ClaimToken.schema, about: "The token of the claim.", isRequired: true,
            example: .string(ClaimToken.example)),
        Property(
            name: "worker", schema: .workerID, about: "The id of the worker.", isRequired: true, example: "mailer-7"),
    ]

    /// The description of a parameter; every parameter of a template must have one.
    static func named(_ name: some StringProtocol) -> Property {
        guard let property = all.first(where: { $0.name == name }) else {
            preconditionFailure("PathParameter does not describe {\(name)}")
        }
        return property
    }
}

extension RouteExample {
    /// Whether the body has one JSON value on each line.
    var isLines: Bool { body?.hasSuffix("\n") ?? false }

    /// The parameters of the query, not percent-encoded.
    var parameters: [(name: String, value: String)] {
        query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    /// The body as JSON; lines as a list.
    var value: JSONValue? {
        guard let body else { return nil }
        guard isLines else { return .spelled(body) }
        return .array(body.split(separator: "\n").map { .spelled(String($0)) })
    }
}

extension ProblemCode {
    /// Whether all of these stand before every route; the document says of them once.
    static func isOfConnectionOnly(_ codes: [ProblemCode]) -> Bool {
        codes.allSatisfy { [.tooSlow, .headTooLarge].contains($0) }
    }

    /// The headers of problems with these codes.
    static func headers(of codes: [ProblemCode]) -> [Property] {
        switch codes[0].status.code {
        case 401: [.authenticate]
        case 429, 503: [.maybeRetryAfter]
        default: codes.contains(.idempotencyInProgress) ? [.maybeRetryAfter] : []
        }
    }
}
