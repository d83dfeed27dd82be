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
enum BodyRule: Sendable, Hashable {
    /// None; a body is not read.
    case none
    /// A JSON value.
    case json
    /// A JSON value or nothing.
    case optionalJSON
    /// A large JSON value.
    case bulk
    /// A large JSON value, or one JSON value per line.
    case bulkOrLines
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
    /// Whether monitoring polls it, so that only errors are logged at `info`.
    let isPolled: Bool
    let handler: Handler

    init(
        _ method: HTTPRequest.Method, _ template: String, _ roles: Set<Role>?, scope: Scope = .named,
        body: BodyRule = .none, query: Set<String> = [], isPolled: Bool = false, handler: @escaping Handler
    ) {
        self.method = method
        self.template = template
        self.roles = roles
        self.scope = scope
        self.body = body
        self.query = query
        self.isPolled = isPolled
        self.handler = handler
    }

    /// Method and template, unique among all routes.
    var name: String { "\(method.rawValue) \(template)" }

    /// Whether it changes nothing.
    var isRead: Bool { method == .get }

    /// Whether reading its body may take long.
    var isLarge: Bool { body == .bulk || body == .bulkOrLines }

    /// Whether the route is public and shows only the state of the process.
    var isProbe: Bool { roles == nil }
}
