// The route table: a route that is missing here is unreachable, and each entry has its handler.

import HTTPTypes
import MartletQueue

extension Route {
    /// All routes.
    ///
    /// The table is authoritative: a role that is missing in an entry is refused.
    static let all: [Route] = downloads + jobs + claims + queues + limits + sessions + system + documents

    /// The routes of the probe listener.
    static let probes = system

    private static let downloads: [Route] = [
        .download(.post, "/pause", [.operate], body: .optionalJSON(.nothing), about: .pauseDownloads) {
            try await $0.pauseDownloads($1)
        },
        .download(.post, "/resume", [.operate], body: .optionalJSON(.nothing), about: .resumeDownloads) {
            try await $0.resumeDownloads($1)
        },
        .download(.get, "/status", [.read, .operate], about: .downloadStatus) { try await $0.downloadStatus($1) },
        .download(
            .put, "/concurrency", [.operate], body: .json(DownloadSettingField.concurrencyShape),
            about: .setDownloadConcurrency
        ) { try await $0.setDownloadConcurrency($1) },
        .download(.post, "", [.produce], body: .json(DownloadField.shape), recording: .push, about: .addDownload) {
            try await $0.addDownload($1)
        },
        .download(
            .post, "/batch", [.produce], body: .bulk(DownloadBatchField.shape), recording: .push, about: .addDownloads
        ) { try await $0.addDownloads($1) },
        .download(
            .post, "/batch-action", [.operate], body: .bulk(DownloadActionFields.shape), about: .actOnDownloads
        ) { try await $0.actOnDownloads($1) },
        .download(
            .get, "", [.read, .operate],
            query: [API.statusParameter, CommonParameter.limit, CommonParameter.cursor], about: .listDownloads
        ) { api, call in try await api.page { try await api.listDownloads(call) } },
        .download(.get, "/{id}", [.produce, .read, .operate], about: .getDownload) { try await $0.getDownload($1) },
        .downloadVerb(
            "pause",
            .downloadVerb(
                "pause", "Pause a download", "It keeps its bytes and its place; a running one stops at a chunk's edge.",
                stops: true)
        ) { try await $0.changeDownload($1, .pause) },
        .downloadVerb("resume", .downloadVerb("resume", "Resume a download", "It continues at its old place.")) {
            try await $0.changeDownload($1, .resume)
        },
        .downloadVerb("cancel", .downloadVerb("cancel", "Cancel a download", "It ends.", stops: true)) {
            try await $0.changeDownload($1, .cancel)
        },
        .downloadVerb("retry", body: DownloadField.retryShape, .retryDownload) { try await $0.retryDownload($1) },
        .download(
            .post, "/{id}/priority", [.operate], body: .json(DownloadSettingField.priorityShape),
            about: .setDownloadPriority("setDownloadPriority")
        ) { try await $0.setDownloadPriority($1) },
        .download(
            .patch, "/{id}/priority", [.operate], body: .json(DownloadSettingField.priorityShape),
            about: .setDownloadPriority("changeDownloadPriority")
        ) { try await $0.setDownloadPriority($1) },
    ]

    private static let jobs: [Route] = [
        .service(.post, "/jobs", [.produce], body: .json(JobModel.shape), recording: .push, about: .pushJob) {
            try await $0.pushJob($1)
        },
        .service(
            .post, "/jobs/bulk", [.produce], body: .bulkOrLines(JobBatch.shape, line: JobModel.itemShape),
            query: [JobBatch.atomicParameter, DurabilityField.parameter], recording: .push, about: .pushJobs
        ) { try await $0.pushJobs($1) },
        .service(
            .get, "/jobs", [.read, .operate],
            query: [CommonParameter.queue, CommonParameter.limit, CommonParameter.cursor] + FilterCondition.parameters,
            about: .listJobs
        ) { api, call in try await api.page { try await api.listJobs(call) } },
        .service(.get, "/errors", [.read, .operate], query: ErrorParameter.all, about: .listErrors) { api, call in
            try await api.page { try await api.listErrors(call) }
        },
        .service(
            .post, "/jobs/actions", [.operate], body: .bulk(JobActionFields.shape), query: [CommonParameter.queue],
            about: .actOnJobs
        ) { try await $0.actOnJobs($1) },
        .service(
            .get, "/jobs/{id}", [.produce, .read, .operate], query: [CommonParameter.queue, API.wait], about: .getJob
        ) { try await $0.getJob($1) },
        .service(
            .get, "/jobs/{id}/explain", [.read, .operate], query: [CommonParameter.queue], about: .explainJob
        ) { try await $0.explainJob($1) },
        .service(
            .patch, "/jobs/{id}", [.operate], body: .json(API.patchShape), query: [CommonParameter.queue],
            about: .patchJob
        ) { try await $0.patchJob($1) },
        .service(.delete, "/jobs/{id}", [.operate], query: [CommonParameter.queue], about: .deleteJob) {
            try await $0.deleteJob($1)
        },
        .service(
            .post, "/jobs/{id}/clone", [.produce], body: .optionalJSON(CloneChanges.shape),
            query: [CommonParameter.queue], recording: .push, about: .cloneJob
        ) { try await $0.cloneJob($1) },
        .jobVerb("cancel", .jobVerb("cancel", "Cancel a job", "Ends it; a running one is asked to stop.", stops: true))
        {
            try await $0.changeJob($1, .cancel)
        },
        .jobVerb(
            "pause", .jobVerb("pause", "Pause a job", "Sets it aside; a running one is asked to stop.", stops: true)
        ) { try await $0.changeJob($1, .pause) },
        .jobVerb("resume", .jobVerb("resume", "Resume a job", "Takes a paused job back to its position.")) {
            try await $0.changeJob($1, .resume)
        },
        .jobVerb("retry", .jobVerb("retry", "Retry a job", "Runs a failed or cancelled job again, as new.")) {
            try await $0.changeJob($1, .retry)
        },
        .jobVerb("run", .jobVerb("run", "Run a job now", "Runs a scheduled or retrying job before it is due.")) {
            try await $0.changeJob($1, .run)
        },
    ]

    private static let claims: [Route] = [
        .service(.post, "/claims", [.work], body: .json(ClaimField.shape), recording: .work, about: .claimJobs) {
            try await $0.claimJobs($1)
        },
        .service(
            .post, "/claims/settle", [.work], body: .bulk(ClaimEndField.batch), recording: .work, about: .settleClaims
        ) { try await $0.settleClaims($1) },
        .claimEnd(
            "complete", body: .optionalJSON(ClaimEndField.complete),
            .claimEnd("complete", "Complete a job", "It has succeeded.", example: #"{"result": {"message": 42}}"#)),
        .claimEnd(
            "fail", body: .json(ClaimEndField.fail),
            .claimEnd(
                "fail", "Fail an attempt", "It is retried by the job's policy, unless it says otherwise.",
                example: #"{"error": {"class": "Timeout", "message": "no answer"}, "retry_after_seconds": 30}"#)),
        .claimEnd(
            "release", body: .optionalJSON(ClaimEndField.release),
            .claimEnd(
                "release", "Give a job back", "It charges no attempt.",
                example: #"{"delay_seconds": 60, "reason": "disk full"}"#)),
        .claimEnd(
            "snooze", body: .json(ClaimEndField.snoozed),
            .claimEnd(
                "snooze", "Run a job later", "It charges no attempt.", example: #"{"delay_seconds": 60}"#)),
        .claimEnd(
            "throttle", body: .json(ClaimEndField.throttled),
            .claimEnd(
                "throttle", "Hold a limit key",
                """
                The service behind a key of the job said to wait. No job that names the key starts before that, at most 24 hours; \
                the job waits at its position. It charges no attempt. If the job does not have the key, only the job waits.
                """,
                example: #"{"key": "host:example.com", "delay_seconds": 60, "reason": "429 Too Many Requests"}"#)),
        .service(
            .put, "/claims/{token}/checkpoint", [.work], body: .json(HeartbeatField.checkpointShape),
            recording: .work, about: .saveCheckpoint
        ) { try await $0.saveCheckpoint($1) },
        .service(
            .post, "/workers/{worker}/heartbeat", [.work], body: .json(HeartbeatField.shape), recording: .work,
            about: .workerHeartbeat
        ) { try await $0.workerHeartbeat($1) },
        .service(.delete, "/workers/{worker}", [.work], recording: .work, about: .endWorker) {
            try await $0.endWorker($1)
        },
    ]

    private static let queues: [Route] = [
        .service(.get, "/queues", [.read, .operate], about: .listQueues) { try await $0.listQueues($1) },
        .service(.get, "/queues/{queue}", [.read, .operate], about: .getQueue) { try await $0.getQueue($1) },
        .service(.get, "/history", [.read, .operate], query: HistoryParameter.all, about: .getTotalHistory) {
            try await $0.getTotalHistory($1)
        },
        .service(
            .get, "/queues/{queue}/history", [.read, .operate], query: HistoryParameter.all, about: .getHistory
        ) { try await $0.getHistory($1) },
        .service(
            .get, "/queues/{queue}/scaling", [.read, .operate], query: ScalingParameter.all, about: .getScaling
        ) { try await $0.getScaling($1) },
        .service(.get, "/queues/{queue}/explain", [.read, .operate], about: .explainQueue) {
            try await $0.explainQueue($1)
        },
        .service(
            .put, "/queues/{queue}", [.admin], body: .json(QueueSettingsField.shape), about: .configureQueue
        ) { try await $0.configureQueue($1) },
        .service(
            .delete, "/queues/{queue}", [.admin],
            query: [QueueRemovalParameter.confirm, QueueRemovalParameter.finished], recording: .actionInSteps,
            about: .deleteQueue
        ) { try await $0.deleteQueue($1) },
        .service(
            .post, "/queues/{queue}/pause", [.operate], body: .optionalJSON(PauseField.shape), about: .pauseQueue
        ) { try await $0.pauseQueue($1) },
        .service(
            .post, "/queues/{queue}/resume", [.operate], body: .optionalJSON(.nothing), about: .resumeQueue
        ) { try await $0.resumeQueue($1) },
        .service(
            .post, "/queues/{queue}/drain", [.operate], body: .optionalJSON(.nothing), about: .drainQueue
        ) { try await $0.drainQueue($1) },
        .service(.post, "/pause", [.operate], scope: .all, body: .optionalJSON(PauseField.shape), about: .pauseAll) {
            try await $0.pauseAll($1)
        },
        .service(.post, "/resume", [.operate], scope: .all, body: .optionalJSON(.nothing), about: .resumeAll) {
            try await $0.resumeAll($1)
        },
        Route(
            .get, "/api/v1/events", [.read, .operate], query: EventParameter.all, isStream: true, about: .events
        ) { try await $0.listen($1) },
        .service(.get, "/audit", [.operate], query: TrailParameter.all, about: .audit) {
            try await $0.listAudit($1)
        },
        .service(.get, "/stats", [.read, .operate], about: .stats) { try await $0.stats($1) },
        .service(.get, "/workers", [.read, .operate], about: .listWorkers) { try await $0.listWorkers($1) },
        .service(.get, "/system", [.read, .operate], about: .system) { api, _ in try await api.system() },
    ]

    private static let limits: [Route] = [
        .service(
            .get, "/queues/{queue}/limits", [.read, .operate], query: LimitParameter.page, about: .listLimits
        ) { try await $0.listLimits($1) },
        .service(.get, "/queues/{queue}/limits/{key}", [.read, .operate], about: .getLimit) {
            try await $0.getLimit($1)
        },
        .service(
            .put, "/queues/{queue}/limits/{key}", [.admin], body: .json(LimitFields.shape),
            query: [LimitParameter.override], about: .setLimit
        ) { try await $0.setLimit($1) },
        .service(.delete, "/queues/{queue}/limits/{key}", [.admin], about: .removeLimit) {
            try await $0.removeLimit($1)
        },
        .service(
            .post, "/queues/{queue}/limits/{key}/pause", [.operate], body: .optionalJSON(LimitFields.pause),
            about: .pauseLimit
        ) { try await $0.pauseLimit($1) },
        .service(
            .post, "/queues/{queue}/limits/{key}/resume", [.operate], body: .optionalJSON(.nothing), about: .resumeLimit
        ) { try await $0.resumeLimit($1) },
        .service(
            .post, "/queues/{queue}/limits/{key}/reset", [.operate], body: .optionalJSON(.nothing), about: .resetLimit
        ) { try await $0.resetLimit($1) },
    ]

    private static let system: [Route] = [
        Route(.get, "/livez", nil, isPolled: true, about: .liveness("getLiveness")) { api, _ in try api.liveness() },
        Route(.get, "/health", nil, isPolled: true, about: .liveness("getHealth")) { api, _ in try api.liveness() },
        Route(
            .get, "/readyz", nil, query: [SystemView.verbose], isPolled: true, about: .readiness("getReadiness")
        ) { try await $0.readiness($1) },
        Route(.get, "/ready", nil, query: [SystemView.verbose], isPolled: true, about: .readiness("getReady")) {
            try await $0.readiness($1)
        },
        Route(.get, "/metrics", [.read, .operate], scope: .all, isPolled: true, about: .metrics) { api, _ in
            try await api.metricsPage()
        },
    ]

    private static let documents: [Route] = [
        Route(.get, "/openapi.json", nil, about: .document("getDocument", "JSON", "application/json")) { api, call in
            api.document(\.json, call)
        },
        Route(.get, "/openapi.yaml", nil, about: .document("getDocumentAsYAML", "YAML", "application/yaml")) {
            api, call in
            api.document(\.yaml, call)
        },
        Route(.get, "/problems/{code}", nil, about: .problemPage) { try $0.problemPage($1) },
    ]

    /// A route of `/api/downloads`.
    private static func download(
        _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>, body: BodyRule = .none,
        query: @escaping @autoclosure @Sendable () -> [any Described] = [], recording: Recording = .action,
        about: @escaping @autoclosure @Sendable () -> RouteDescription, handler: @escaping Handler
    ) -> Route {
        Route(
            method, "/api/downloads" + path, roles, scope: .downloads, body: body, query: query(),
            recording: recording, about: about(), handler: handler)
    }

    /// A verb for one download; its body may be missing.
    private static func downloadVerb(
        _ verb: String, body: ObjectShape = .nothing,
        _ about: @escaping @autoclosure @Sendable () -> RouteDescription, handler: @escaping Handler
    ) -> Route {
        .download(
            .post, "/{id}/" + verb, [.operate], body: .optionalJSON(body), about: about(), handler: handler)
    }

    /// A route of `/api/v1`.
    private static func service(
        _ method: HTTPRequest.Method, _ path: String, _ roles: Set<Role>, scope: Scope = .named,
        body: BodyRule = .none, query: @escaping @autoclosure @Sendable () -> [any Described] = [],
        recording: Recording = .action, about: @escaping @autoclosure @Sendable () -> RouteDescription,
        handler: @escaping Handler
    ) -> Route {
        Route(
            method, "/api/v1" + path, roles, scope: scope, body: body, query: query(), recording: recording,
            about: about(), handler: handler)
    }

    /// A verb for one job; its body is empty or an empty object.
    private static func jobVerb(
        _ verb: String, _ about: @escaping @autoclosure @Sendable () -> RouteDescription, handler: @escaping Handler
    ) -> Route {
        .service(
            .post, "/jobs/{id}/" + verb, [.operate], body: .optionalJSON(.nothing), query: [CommonParameter.queue],
            about: about(), handler: handler)
    }

    /// The end of a claim.
    private static func claimEnd(
        _ word: String, body: BodyRule, _ about: @escaping @autoclosure @Sendable () -> RouteDescription
    ) -> Route {
        .service(.post, "/claims/{token}/" + word, [.work], body: body, recording: .work, about: about()) {
            try await $0.settleClaim($1, word)
        }
    }
}
