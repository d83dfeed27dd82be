// The service behind the routes: shared dependencies, and the dispatch from operations to handlers.

import HTTPTypes
import MartletJobs
import MartletQueue

/// The dependencies of all handlers.
struct API: Sendable {
    let store: JobStore
    let settings: ServerSettings
    let downloads: DownloadCatalog
    let metrics: (@Sendable () async -> String)?
    let checks: [ReadinessCheck]
    let findings: @Sendable () -> [ReadinessFinding]
    let pushes = PushMetrics()
    let waits: WaitLimit
    /// Whether the process makes progress; a server that answers does.
    var isAlive: @Sendable () -> Bool = { true }
    /// Pages of jobs may be large, so only some are built at a time.
    private let pages = AsyncSemaphore(permits: 16)

    init(
        store: JobStore, settings: ServerSettings, downloads: DownloadCatalog,
        metrics: (@Sendable () async -> String)?, checks: [ReadinessCheck],
        findings: @escaping @Sendable () -> [ReadinessFinding]
    ) {
        self.store = store
        self.settings = settings
        self.downloads = downloads
        self.metrics = metrics
        self.checks = checks
        self.findings = findings
        waits = WaitLimit(perCaller: settings.maxWaitsPerCaller, total: settings.maxWaits)
    }

    /// Handles a request; roles were checked before, queue access is checked when a queue is opened.
    func answer(_ call: Call) async throws -> Reply {
        switch call.route.operation {
        case .pauseDownloads: try await pauseDownloads(call)
        case .resumeDownloads: try await resumeDownloads(call)
        case .downloadStatus: try await downloadStatus(call)
        case .setDownloadConcurrency: try await setDownloadConcurrency(call)
        case .addDownload: try await addDownload(call)
        case .addDownloads: try await addDownloads(call)
        case .actOnDownloads: try await actOnDownloads(call)
        case .listDownloads: try await page { try await listDownloads(call) }
        case .getDownload: try await getDownload(call)
        case .pauseDownload: try await changeDownload(call, .pause)
        case .resumeDownload: try await changeDownload(call, .resume)
        case .cancelDownload: try await changeDownload(call, .cancel)
        case .retryDownload: try await retryDownload(call)
        case .postDownloadPriority, .patchDownloadPriority: try await setDownloadPriority(call)
        default: try await answerService(call)
        }
    }

    /// Builds a page when a permit is free.
    private func page(_ make: () async throws -> Reply) async throws -> Reply {
        guard await pages.acquire(within: .seconds(3)) else {
            throw HTTPProblem(.serviceUnavailable, "pages-full", "too many pages are asked for; ask again later")
                .with("outcome", "not-executed").with(.retryAfter, "1")
        }
        defer { pages.release() }
        return try await make()
    }

    private func answerService(_ call: Call) async throws -> Reply {
        switch call.route.operation {
        case .pushJob: try await pushJob(call)
        case .pushJobs: try await pushJobs(call)
        case .listJobs: try await page { try await listJobs(call) }
        case .getJob: try await getJob(call)
        case .patchJob: try await patchJob(call)
        case .deleteJob: try await deleteJob(call)
        case .actOnJobs: try await actOnJobs(call)
        case .cancelJob: try await changeJob(call, .cancel)
        case .pauseJob: try await changeJob(call, .pause)
        case .resumeJob: try await changeJob(call, .resume)
        case .retryJob: try await changeJob(call, .retry)
        case .runJob: try await changeJob(call, .run)
        case .listQueues: try await listQueues(call)
        case .getQueue: try await getQueue(call)
        case .configureQueue: try await configureQueue(call)
        case .pauseQueue: try await pauseQueue(call)
        case .resumeQueue: try await resumeQueue(call)
        case .drainQueue: try await drainQueue(call)
        case .deleteQueue: try await deleteQueue(call)
        case .pauseAll: try await pauseAll(call)
        case .resumeAll: try await resumeAll(call)
        default: try await answerSystem(call)
        }
    }

    private func answerSystem(_ call: Call) async throws -> Reply {
        switch call.route.operation {
        case .stats: try await stats(call)
        case .listWorkers: try await listWorkers(call)
        case .livez, .health: try liveness()
        case .readyz, .ready: try await readiness(call)
        case .metrics: try await metricsPage()
        default: throw HTTPProblem.bug
        }
    }
}
