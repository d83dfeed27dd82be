// What the handlers of all routes share.

import HTTPTypes
import Logging
import MartletJSON
import MartletQueue

/// The dependencies of all handlers.
struct API: Sendable {
    let store: JobStore
    let settings: ServerSettings
    let authenticator: Authenticator
    let startedAt = ContinuousClock.now
    let downloads: DownloadCatalog
    let metrics: (@Sendable () async -> String)?
    let checks: [ReadinessCheck]
    let findings: @Sendable () -> [ReadinessFinding]
    let pushes = PushMetrics()
    let waits: WaitLimit
    /// The description of the API.
    let documents: DocumentCache
    /// Jobs for workers over HTTP.
    let claims: ClaimService
    /// The fields of payloads that are not shown.
    let hidden: HiddenPayloads
    /// The streams that are open.
    let streams: WaitLimit
    let events = EventMetrics()
    /// The limit of requests for each token; `nil` for none.
    let limiter: RequestLimiter?
    /// Whether the process makes progress; a server that answers does.
    var isAlive: @Sendable () -> Bool = { true }
    /// Whether clients reach the API through this server's TLS.
    let usesTLS: Bool
    /// Pages of jobs may be large, so only some are built at a time.
    private let pages = AsyncSemaphore(permits: 16)

    init(
        store: JobStore, settings: ServerSettings, authenticator: Authenticator, downloads: DownloadCatalog,
        metrics: (@Sendable () async -> String)?, checks: [ReadinessCheck],
        findings: @escaping @Sendable () -> [ReadinessFinding], usesTLS: Bool = false, logger: Logger
    ) {
        self.store = store
        self.settings = settings
        self.authenticator = authenticator
        self.downloads = downloads
        self.metrics = metrics
        self.checks = checks
        self.findings = findings
        self.usesTLS = usesTLS
        limiter = settings.requestQuota.map {
            RequestLimiter(RequestRate(quota: $0, window: settings.requestWindow))
        }
        documents = DocumentCache(settings: settings)
        hidden = HiddenPayloads(settings.redaction, store)
        waits = WaitLimit(
            perCaller: settings.maxWaitsPerCaller, total: settings.maxWaits,
            words: .init(
                tooMany: .tooManyWaits, many: "requests of this caller wait already; ask without ?wait, or later",
                full: .waitsFull, all: "requests wait already; ask without ?wait, or later"))
        streams = WaitLimit(
            perCaller: settings.maxStreamsPerCaller, total: settings.maxStreams,
            words: .init(
                tooMany: .tooManyStreams, many: "streams of this caller are open already; close one, or ask later",
                full: .streamsFull, all: "streams are open already; ask later"))
        claims = ClaimService(store: store, settings: settings, logger: logger)
    }

    /// Builds a page when a permit is free.
    func page(_ make: () async throws -> Reply) async throws -> Reply {
        guard await pages.acquire(within: .seconds(3)) else {
            throw HTTPProblem(.pagesFull, "too many pages are asked for; ask again later")
                .with("outcome", "not-executed").with(.retryAfter, "1")
        }
        defer { pages.release() }
        return try await make()
    }
}
