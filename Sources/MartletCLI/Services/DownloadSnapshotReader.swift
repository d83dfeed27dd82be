// Reads snapshots of the download queue, so that slots can be shared between hosts.

import MartletDownloads
import MartletJobs
import MartletQueue

/// Reads snapshots: the running downloads, and the hosts of waiting ones.
///
/// A snapshot reads the running downloads, the next 200 waiting ones, and 200 more from where the previous snapshot
/// stopped, so that hosts far back in a long queue are found too.
actor DownloadSnapshotReader {
    private static let pageSize = 200
    /// The number of hosts far back in the queue that are remembered.
    private static let memory = 50

    private let queue: Queue
    private let rules: DownloadRequestRules
    private var place: JobCursor?
    /// One waiting download per such host.
    private var found: [JobID] = []

    /// Reads a queue whose downloads come from the hosts that these rules allow.
    init(_ queue: Queue, _ rules: DownloadRequestRules) {
        self.queue = queue
        self.rules = rules
    }

    /// The current snapshot; `nil` when the queue cannot be read.
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

    /// In starting order, which is the same for all processes.
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
