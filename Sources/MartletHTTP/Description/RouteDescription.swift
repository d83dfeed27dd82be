// The description of a route in the API document beside what the table says: names, answers, problems, headers, examples.

import MartletJSON
import MartletJobs

/// The part of the API that a route belongs to.
enum RouteTag: String, Sendable, CaseIterable {
    case jobs = "Jobs"
    case queues = "Queues"
    case workers = "Workers"
    case events = "Events"
    case downloads = "Downloads"
    case system = "System"

    /// What the routes are for.
    var about: String {
        switch self {
        case .jobs: "Push jobs of any type, look at them and steer them."
        case .queues: "Look at queues, set them, pause, drain and delete them."
        case .workers: "The processes that run jobs, and the routes of those in other languages."
        case .events: "What happens to jobs and queues, as it happens."
        case .downloads: "Downloads of files, the built-in job of the queue `downloads`."
        case .system: "Probes, metrics, this document and the pages of problems."
        }
    }
}

/// A response that is no problem.
struct RouteAnswer: Sendable {
    /// What a response holds.
    enum Content: Sendable {
        case json(Schema)
        /// JSON, or lines of JSON for clients that ask for them.
        case jsonOrLines(Schema, line: Schema)
        /// Text of these media types.
        case text([String])
        case nothing
    }

    let status: Int
    let about: String
    let content: Content
    var headers: [Property] = []

    static func ok(_ schema: Schema, _ about: String, headers: [Property] = []) -> RouteAnswer {
        RouteAnswer(status: 200, about: about, content: .json(schema), headers: headers)
    }

    static func created(_ schema: Schema, _ about: String, headers: [Property] = []) -> RouteAnswer {
        RouteAnswer(status: 201, about: about, content: .json(schema), headers: headers)
    }

    static func accepted(_ schema: Schema, _ about: String) -> RouteAnswer {
        RouteAnswer(status: 202, about: about, content: .json(schema))
    }

    static func text(_ types: String..., about: String, headers: [Property] = []) -> RouteAnswer {
        RouteAnswer(status: 200, about: about, content: .text(types), headers: headers)
    }

    /// 304 for a client that has the version already.
    static let notModified = RouteAnswer(
        status: 304, about: "The client has this version.", content: .nothing, headers: [.eTag])
}

/// A request that is sent to a live server by the tests, and shown in the document.
struct RouteExample: Sendable {
    let name: String
    let summary: String
    /// The body: JSON, or lines of JSON.
    var body: String?
    /// The query, without the question mark.
    var query = ""
    /// The status of the answer.
    var status = 200

    init(_ name: String, _ summary: String, body: String? = nil, query: String = "", status: Int = 200) {
        self.name = name
        self.summary = summary
        self.body = body
        self.query = query
        self.status = status
    }
}

/// The description of a route.
struct RouteDescription: Sendable {
    /// The operation's name in generated clients, unique among all routes.
    let id: String
    let tag: RouteTag
    /// A few words, without a full stop.
    let summary: String
    /// More sentences, in Markdown.
    let details: String
    let answers: [RouteAnswer]
    /// The problems beside those that every route of its kind has; see ``Route/problems``.
    let problems: [ProblemCode]
    /// The request's headers that have a meaning.
    let headers: [Property]
    let examples: [RouteExample]

    init(
        _ id: String, _ tag: RouteTag, _ summary: String, _ details: String = "", answers: [RouteAnswer],
        problems: [ProblemCode] = [], headers: [Property] = [], examples: [RouteExample] = []
    ) {
        self.id = id
        self.tag = tag
        self.summary = summary
        self.details = details
        self.answers = answers
        self.problems = problems
        self.headers = headers
        self.examples = examples
    }
}

extension Property {
    // MARK: Headers of requests

    static let idempotencyKey = Property(
        name: "Idempotency-Key", schema: .keywords(["type": "string", "pattern": "^[ -~]{1,255}$"]),
        about: "Makes the push repeatable for 24 hours: the same request under the same key finds the same jobs.")
    static let traceparent = Property(
        name: "traceparent", schema: .text,
        about:
            "Where in a trace the request is (W3C Trace Context); kept with each job that does not say it itself, and "
            + "ignored when it is not valid.")
    static let tracestate = Property(
        name: "tracestate", schema: .text,
        about: "What goes with `traceparent`; up to \(TraceContext.stateLimit) bytes are kept, byte for byte.")
    static let ifNoneMatch = Property(
        name: "If-None-Match", schema: .text,
        about: "Entity tags that the client has; the answer is 304 when one of them is still right.")

    static let lastEventID = Property(
        name: "Last-Event-ID", schema: .text,
        about: "The `id` of the last message that was read; the stream goes on behind it, before what `since` says.")

    // MARK: Headers of responses

    static let eTag = Property.always("ETag", .text, "The version of the answer.")
    static let location = Property.always("Location", .uri, "The path of what was created, with its queue.")
    static let maybeRetryAfter = Property.maybe("Retry-After", .count, "Seconds after which a repeat makes sense.")
    static let authenticate = Property.always("WWW-Authenticate", .text, "The scheme of the tokens.")
    static let cacheControl = Property.always("Cache-Control", .text, "How long the answer may be kept.")
}
