// The one table of routes: which method and path means what, who may ask for it, and what it takes.

import HTTPTypes

/// What a route does.
///
/// There is exactly one row for each.
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

/// Which queues a caller's token must hold for.
enum Scope: Sendable, Hashable {
    /// The queue of the job or of the request; checked wherever a queue is opened.
    case named
    /// The queue `downloads`.
    case downloads
    /// All queues, those too that do not exist yet.
    case all
}

/// What a route takes as its body.
enum BodyRule: Sendable, Hashable {
    /// Nothing; what is sent is not read.
    case none
    /// A JSON value.
    case json
    /// A JSON value, or nothing.
    case optionalJSON
    /// A large JSON value.
    case bulk
    /// A large JSON value, or one JSON value on each line.
    case bulkOrLines
}

/// One route.
struct Route: Sendable {
    let operation: Operation
    let method: HTTPRequest.Method
    /// The path with its parameters in braces.
    let template: String
    /// The roles that may ask for it, `admin` always among them; `nil` when nobody is asked who they are.
    let roles: Set<Role>?
    var scope: Scope = .named
    var body: BodyRule = .none
    /// The names that may stand in the query.
    var query: Set<String> = []

    /// Whether it changes nothing.
    var isRead: Bool { method == .get }

    /// Whether its body may be so large that reading it takes a while.
    var isLarge: Bool { body == .bulk || body == .bulkOrLines }
}

extension Route {
    /// All routes.
    ///
    /// The table is the implementation: what is not here is not reachable, and who is not here is refused.
    static let all: [Route] = downloads + jobs + queues + system

    /// What machines ask of a process: the routes of the listener for probes.
    static let probes = system

    /// Whether everybody may ask, and learns only how the process is.
    var isProbe: Bool { roles == nil }

    private static let downloads: [Route] = [
        .download(.pauseDownloads, .post, "/pause", [.operate]),
        .download(.resumeDownloads, .post, "/resume", [.operate]),
        .download(.downloadStatus, .get, "/status", [.read, .operate]),
        .download(.setDownloadConcurrency, .put, "/concurrency", [.operate], body: .json),
        .download(.addDownload, .post, "", [.produce], body: .json),
        .download(.addDownloads, .post, "/batch", [.produce], body: .bulk),
        .download(.actOnDownloads, .post, "/batch-action", [.operate], body: .bulk),
        .download(.listDownloads, .get, "", [.read, .operate], query: ["status", "limit", "cursor"]),
        .download(.getDownload, .get, "/{id}", [.produce, .read, .operate]),
        .download(.pauseDownload, .post, "/{id}/pause", [.operate]),
        .download(.resumeDownload, .post, "/{id}/resume", [.operate]),
        .download(.cancelDownload, .post, "/{id}/cancel", [.operate]),
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
