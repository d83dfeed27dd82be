// The route table: a route that is missing here is unreachable, and each entry has its handler.

import HTTPTypes
import MartletQueue

extension Route {
    /// All routes.
    ///
    /// The table is authoritative: a role that is missing in an entry is refused.
    static let all: [Route] = downloads + jobs + queues + system

    /// The routes of the probe listener.
    static let probes = system

    private static let downloads: [Route] = [
        .download(.post, "/pause", [.operate], body: .optionalJSON) { try await $0.pauseDownloads($1) },
        .download(.post, "/resume", [.operate], body: .optionalJSON) { try await $0.resumeDownloads($1) },
        .download(.get, "/status", [.read, .operate]) { try await $0.downloadStatus($1) },
        .download(.put, "/concurrency", [.operate], body: .json) { try await $0.setDownloadConcurrency($1) },
        .download(.post, "", [.produce], body: .json) { try await $0.addDownload($1) },
        .download(.post, "/batch", [.produce], body: .bulk) { try await $0.addDownloads($1) },
        .download(.post, "/batch-action", [.operate], body: .bulk) { try await $0.actOnDownloads($1) },
        .download(.get, "", [.read, .operate], query: ["status", "limit", "cursor"]) { api, call in
            try await api.page { try await api.listDownloads(call) }
        },
        .download(.get, "/{id}", [.produce, .read, .operate]) { try await $0.getDownload($1) },
        .download(.post, "/{id}/pause", [.operate], body: .optionalJSON) { try await $0.changeDownload($1, .pause) },
        .download(.post, "/{id}/resume", [.operate], body: .optionalJSON) { try await $0.changeDownload($1, .resume) },
        .download(.post, "/{id}/cancel", [.operate], body: .optionalJSON) { try await $0.changeDownload($1, .cancel) },
        .download(.post, "/{id}/retry", [.operate], body: .optionalJSON) { try await $0.retryDownload($1) },
        .download(.post, "/{id}/priority", [.operate], body: .json) { try await $0.setDownloadPriority($1) },
        .download(.patch, "/{id}/priority", [.operate], body: .json) { try await $0.setDownloadPriority($1) },
    ]

    private static let jobs: [Route] = [
        .service(.post, "/jobs", [.produce], body: .json) { try await $0.pushJob($1) },
        .service(.post, "/jobs/bulk", [.produce], body: .bulkOrLines, query: ["atomic", "durability"]) {
            try await $0.pushJobs($1)
        },
        .service(.get, "/jobs", [.read, .operate], query: ["queue", "state", "type", "limit", "cursor"]) { api, call in
            try await api.page { try await api.listJobs(call) }
        },
        .service(.post, "/jobs/actions", [.operate], body: .bulk, query: ["queue"]) { try await $0.actOnJobs($1) },
        .service(.get, "/jobs/{id}", [.produce, .read, .operate], query: ["queue", "wait"]) { try await $0.getJob($1) },
        .service(.patch, "/jobs/{id}", [.operate], body: .json, query: ["queue"]) { try await $0.patchJob($1) },
        .service(.delete, "/jobs/{id}", [.operate], query: ["queue"]) { try await $0.deleteJob($1) },
        .jobVerb("cancel") { try await $0.changeJob($1, .cancel) },
        .jobVerb("pause") { try await $0.changeJob($1, .pause) },
        .jobVerb("resume") { try await $0.changeJob($1, .resume) },
        .jobVerb("retry") { try await $0.changeJob($1, .retry) },
        .jobVerb("run") { try await $0.changeJob($1, .run) },
    ]

    private static let queues: [Route] = [
        .service(.get, "/queues", [.read, .operate]) { try await $0.listQueues($1) },
        .service(.get, "/queues/{queue}", [.read, .operate]) { try await $0.getQueue($1) },
        .service(.put, "/queues/{queue}", [.admin], body: .json) { try await $0.configureQueue($1) },
        .service(.delete, "/queues/{queue}", [.admin], query: ["confirm", "finished"]) {
            try await $0.deleteQueue($1)
        },
        .service(.post, "/queues/{queue}/pause", [.operate], body: .optionalJSON) { try await $0.pauseQueue($1) },
        .service(.post, "/queues/{queue}/resume", [.operate], body: .optionalJSON) { try await $0.resumeQueue($1) },
        .service(.post, "/queues/{queue}/drain", [.operate], body: .optionalJSON) { try await $0.drainQueue($1) },
        .service(.post, "/pause", [.operate], scope: .all, body: .optionalJSON) { try await $0.pauseAll($1) },
        .service(.post, "/resume", [.operate], scope: .all, body: .optionalJSON) { try await $0.resumeAll($1) },
        .service(.get, "/stats", [.read, .operate]) { try await $0.stats($1) },
        .service(.get, "/workers", [.read, .operate]) { try await $0.listWorkers($1) },
    ]

    private static let system: [Route] = [
        Route(.get, "/livez", nil, isPolled: true) { api, _ in try api.liveness() },
        Route(.get, "/health", nil, isPolled: true) { api, _ in try api.liveness() },
        Route(.get, "/readyz", nil, query: ["verbose"], isPolled: true) { try await $0.readiness($1) },
        Route(.get, "/ready", nil, query: ["verbose"], isPolled: true) { try await $0.readiness($1) },
        Route(.get, "/metrics", [.read, .operate], scope: .all, isPolled: true) { api, _ in
            try await api.metricsPage()
        },
    ]

    /// A route of `/api/downloads`.
    private static func download(
        _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>, body: BodyRule = .none,
        query: Set<String> = [], handler: @escaping Handler
    ) -> Route {
        Route(
            method, "/api/downloads" + path, roles, scope: .downloads, body: body, query: query, handler: handler)
    }

    /// A route of `/api/v1`.
    private static func service(
        _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>, scope: Scope = .named,
        body: BodyRule = .none, query: Set<String> = [], handler: @escaping Handler
    ) -> Route {
        Route(method, "/api/v1" + path, roles, scope: scope, body: body, query: query, handler: handler)
    }

    /// A verb for one job; its body is empty or an empty object.
    private static func jobVerb(_ verb: String, handler: @escaping Handler) -> Route {
        .service(
            .post, "/jobs/{id}/" + verb, [.operate], body: .optionalJSON, query: ["queue"], handler: handler)
    }
}
