// A route: its method and path, access, parameters, body and handler.

import HTTPTypes

/// The queues that a caller's token needs access to.
enum Scope: Sendable, Hashable {
    /// The queue of the job or of the request; checked whenever a queue is opened.
    case named
    /// The queue `downloads`.
    case downloads
    /// All queues, including future ones.
    case all
}

/// The body that a route accepts.
enum BodyRule: Sendable {
    /// None; a body is not read.
    case none
    /// A JSON object.
    case json(ObjectShape)
    /// A JSON object or nothing.
    case optionalJSON(ObjectShape)
    /// A large JSON object.
    case bulk(ObjectShape)
    /// A large JSON object, or one JSON object per line.
    case bulkOrLines(ObjectShape, line: ObjectShape)

    /// The fields of the JSON object.
    var shape: ObjectShape? {
        switch self {
        case .none: nil
        case .json(let shape), .optionalJSON(let shape), .bulk(let shape), .bulkOrLines(let shape, _): shape
        }
    }

    /// The fields of each line, where lines are accepted.
    var lineShape: ObjectShape? { if case .bulkOrLines(_, let line) = self { line } else { nil } }

    /// Whether the body may be missing.
    var isOptional: Bool { if case .optionalJSON = self { true } else { false } }

    /// Whether the body may be large.
    var isBulk: Bool {
        switch self {
        case .bulk, .bulkOrLines: true
        case .none, .json, .optionalJSON: false
        }
    }
}

/// One entry of the route table.
struct Route: Sendable {
    /// Handles a request; roles were checked before, queue access is checked when a queue is opened.
    typealias Handler = @Sendable (API, Call) async throws -> Reply

    let method: HTTPRequest.Method
    /// The path with parameters in braces.
    let template: String
    /// The roles that may call it, always including `admin`; `nil` for public routes.
    let roles: Set<Role>?
    /// The queues that the caller's token needs access to.
    let scope: Scope
    /// The body that it accepts.
    let body: BodyRule
    /// The allowed query parameters.
    let query: Set<String>
    /// Makes the descriptions of the query parameters; only the document needs them.
    let parameters: @Sendable () -> [any Described]
    /// Makes its description; only the document needs it.
    let about: @Sendable () -> RouteDescription
    /// Whether monitoring polls it, so that only errors are logged at `info`.
    let isPolled: Bool
    /// Whether its response goes on until the client leaves.
    let isStream: Bool
    /// Whether the audit trail records what it does.
    let recording: Recording
    let handler: Handler

    init(
        _ method: HTTPRequest.Method, _ template: String, _ roles: Set<Role>?, scope: Scope = .named,
        body: BodyRule = .none, query: @escaping @autoclosure @Sendable () -> [any Described] = [],
        isPolled: Bool = false, isStream: Bool = false, recording: Recording = .action,
        about: @escaping @autoclosure @Sendable () -> RouteDescription,
        handler: @escaping Handler
    ) {
        self.method = method
        self.template = template
        self.roles = roles
        self.scope = scope
        self.body = body
        self.query = Set(query().map(\.property.name))
        parameters = query
        self.about = about
        self.isPolled = isPolled
        self.isStream = isStream
        self.recording = method == .get ? .reads : recording
        self.handler = handler
    }

    /// Method and template, unique among all routes.
    var name: String { "\(method.rawValue) \(template)" }

    /// Whether it changes nothing.
    var isRead: Bool { method == .get }

    /// Whether reading its body may take long.
    var isLarge: Bool { body.isBulk }

    /// Whether its requests count towards the limit of a token: not those of monitoring and those that need no token.
    var isLimited: Bool { roles != nil && !isPolled }

    /// Whether it needs no token; those that read show only the state of the process and what every release has.
    var isPublic: Bool { roles == nil }
}
