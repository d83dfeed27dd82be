// The route table: which method and path has which operation, roles, scope and body.

import HTTPTypes

/// The operation of a route; each has exactly one row.
enum Operation: String, Sendable, CaseIterable {
    case pauseDownloads, resumeDownloads, downloadStatus, setDownloadConcurrency
    case addDownload, addDownloads, actOnDownloads, listDownloads, getDownload
    case pauseDownload, resumeDownload, cancelDownload, retryDownload, postDownloadPriority, patchDownloadPriority
    case pushJob, pushJobs, listJobs, getJob, patchJob, deleteJob, actOnJobs
    case cancelJob, pauseJob, resumeJob, retryJob, runJob
    case listQueues, getQueue, configureQueue, pauseQueue, resumeQueue, drainQueue, deleteQueue, pauseAll, resumeAll
    case stats, listWorkers
    case livez, readyz, health, ready, metrics
}

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

/// One route.
struct Route: Sendable {
    let operation: Operation
    let method: HTTPRequest.Method
    /// The path with parameters in braces.
    let template: String
    /// The roles that may call it, always including `admin`; `nil` for public routes.
    let roles: Set<Role>?
    var scope: Scope = .named
    var body: BodyRule = .none
    /// The allowed query parameters.
    var query: Set<String> = []

    /// Whether it changes nothing.
    var isRead: Bool { method == .get }

    /// Whether reading its body may take long.
    var isLarge: Bool { body == .bulk || body == .bulkOrLines }
}

extension Route {
    /// All routes.
    ///
    /// The table is authoritative: a route that is missing here is unreachable, a role that is missing is refused.
    static let all: [Route] = downloads + jobs + queues + system

    /// The routes of the probe listener.
    static let probes = system

    /// Whether the route is public and shows only the state of the process.
    var isProbe: Bool { roles == nil }

    private static let downloads: [Route] = [
        .download(.pauseDownloads, .post, "/pause", [.operate], body: .optionalJSON),
        .download(.resumeDownloads, .post, "/resume", [.operate], body: .optionalJSON),
        .download(.downloadStatus, .get, "/status", [.read, .operate]),
        .download(.setDownloadConcurrency, .put, "/concurrency", [.operate], body: .json),
        .download(.addDownload, .post, "", [.produce], body: .json),
        .download(.addDownloads, .post, "/batch", [.produce], body: .bulk),
        .download(.actOnDownloads, .post, "/batch-action", [.operate], body: .bulk),
        .download(.listDownloads, .get, "", [.read, .operate], query: ["status", "limit", "cursor"]),
        .download(.getDownload, .get, "/{id}", [.produce, .read, .operate]),
        .download(.pauseDownload, .post, "/{id}/pause", [.operate], body: .optionalJSON),
        .download(.resumeDownload, .post, "/{id}/resume", [.operate], body: .optionalJSON),
        .download(.cancelDownload, .post, "/{id}/cancel", [.operate], body: .optionalJSON),
        .download(.retryDownload, .post, "/{id}/retry", [.operate], body: .optionalJSON),
        .download(.postDownloadPriority, .post, "/{id}/priority", [.operate], body: .json),
        .download(.patchDownloadPriority, .patch, "/{id}/priority", [.operate], body: .json),
    ]

    private static let jobs: [Route] = [
        .service(.pushJob, .post, "/jobs", [.produce], body: .json),
        .service(.pushJobs, .post, "/jobs/bulk", [.produce], body: .bulkOrLines, query: ["atomic", "durability"]),
        .service(
            .listJobs, .get, "/jobs", [.read, .operate], query: ["queue", "state", "type", "limit", "cursor"]),
        .service(.getJob, .get, "/jobs/{id}", [.produce, .read, .operate], query: ["queue", "wait"]),
        .service(.patchJob, .patch, "/jobs/{id}", [.operate], body: .json, query: ["queue"]),
        .service(.deleteJob, .delete, "/jobs/{id}", [.operate], query: ["queue"]),
        .service(.actOnJobs, .post, "/jobs/actions", [.operate], body: .bulk, query: ["queue"]),
        .service(.cancelJob, .post, "/jobs/{id}/cancel", [.operate], body: .optionalJSON, query: ["queue"]),
        .service(.pauseJob, .post, "/jobs/{id}/pause", [.operate], body: .optionalJSON, query: ["queue"]),
        .service(.resumeJob, .post, "/jobs/{id}/resume", [.operate], body: .optionalJSON, query: ["queue"]),
        .service(.retryJob, .post, "/jobs/{id}/retry", [.operate], body: .optionalJSON, query: ["queue"]),
        .service(.runJob, .post, "/jobs/{id}/run", [.operate], body: .optionalJSON, query: ["queue"]),
    ]

    private static let queues: [Route] = [
        .service(.listQueues, .get, "/queues", [.read, .operate]),
        .service(.getQueue, .get, "/queues/{queue}", [.read, .operate]),
        .service(.configureQueue, .put, "/queues/{queue}", [.admin], body: .json),
        .service(.pauseQueue, .post, "/queues/{queue}/pause", [.operate], body: .optionalJSON),
        .service(.resumeQueue, .post, "/queues/{queue}/resume", [.operate], body: .optionalJSON),
        .service(.drainQueue, .post, "/queues/{queue}/drain", [.operate], body: .optionalJSON),
        .service(.deleteQueue, .delete, "/queues/{queue}", [.admin], query: ["confirm", "finished"]),
        .service(.pauseAll, .post, "/pause", [.operate], scope: .all, body: .optionalJSON),
        .service(.resumeAll, .post, "/resume", [.operate], scope: .all, body: .optionalJSON),
        .service(.stats, .get, "/stats", [.read, .operate]),
        .service(.listWorkers, .get, "/workers", [.read, .operate]),
    ]

    private static let system: [Route] = [
        Route(operation: .livez, method: .get, template: "/livez", roles: nil),
        Route(operation: .readyz, method: .get, template: "/readyz", roles: nil, query: ["verbose"]),
        Route(operation: .health, method: .get, template: "/health", roles: nil),
        Route(operation: .ready, method: .get, template: "/ready", roles: nil, query: ["verbose"]),
        Route(operation: .metrics, method: .get, template: "/metrics", roles: [.read, .operate], scope: .all),
    ]

    private static func download(
        _ operation: Operation, _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>,
        body: BodyRule = .none, query: Set<String> = []
    ) -> Route {
        Route(
            operation: operation, method: method, template: "/api/downloads" + path, roles: roles, scope: .downloads,
            body: body, query: query)
    }

    private static func service(
        _ operation: Operation, _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>,
        scope: Scope = .named, body: BodyRule = .none, query: Set<String> = []
    ) -> Route {
        Route(
            operation: operation, method: method, template: "/api/v1" + path, roles: roles, scope: scope, body: body,
            query: query)
    }
}
