// Looks at the queue of downloads, so that its slots can be shared between hosts.

import MartletDownloads
import MartletJobs
import MartletQueue

/// Takes looks at the queue of downloads: what runs, and which hosts wait.
///
/// A look reads what runs, the next 200 in line and 200 more from where the look before it ended, so that a host far
/// behind in a long line is found too.
actor DownloadLook {
    private static let pageSize = 200
    /// How many hosts far behind in line are remembered.
    private static let memory = 50

    private let queue: Queue
    private let rules: DownloadRequestRules
    private var place: JobCursor?
    /// A waiting download of each host that was found far behind.
    private var found: [JobID] = []

    /// Looks at a queue whose downloads come from the hosts that these rules name.
    init(_ queue: Queue, _ rules: DownloadRequestRules) {
        self.queue = queue
        self.rules = rules
    }

    /// The queue as it is; `nil` when it cannot be read.
    func take() async -> DownloadQueueSnapshot? {
        do {
            let limit = try await queue.status()?.settings.limit
            let running = try await queue.list(states: [.active], limit: Self.pageSize).jobs
            let head = try await queue.list(states: [.queued], limit: Self.pageSize)
            var waiting = hosts(head.jobs)
            if let behind = head.next { try await lookFurther(from: behind, &waiting) } else { found = [] }
            return DownloadQueueSnapshot(running: inOrder(running), waiting: waiting, limit: limit)
        } catch {
            return nil
        }
    }

    private func lookFurther(from behind: JobCursor, _ waiting: inout [String: Int]) async throws {
        let page = try await queue.list(states: [.queued], after: place ?? behind, limit: Self.pageSize)
        place = page.next
        let known = try await queue.jobs(found).compactMap(\.self).filter { $0.state == .queued }
        found = []
        for job in known + page.jobs {
            guard let host = host(job), waiting[host] == nil else { continue }
            waiting[host] = 1
            if found.count < Self.memory { found.append(job.id) }
        }
    }

    private func hosts(_ jobs: [JobRecord]) -> [String: Int] {
        jobs.compactMap { host($0) }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// In the order in which they started, which every process sees alike.
    private func inOrder(_ jobs: [JobRecord]) -> [DownloadQueueSnapshot.Running] {
        jobs.sorted { one, other in
            let (a, b) = (one.startedAt ?? one.createdAt, other.startedAt ?? other.createdAt)
            return a != b ? a < b : one.id.description < other.id.description
        }.map { DownloadQueueSnapshot.Running(id: $0.id, host: host($0) ?? "", priority: $0.priority) }
    }

    private func host(_ job: JobRecord) -> String? {
        job.type == DownloadJob.name ? rules.host(ofPayload: job.payload) : nil
    }
}
