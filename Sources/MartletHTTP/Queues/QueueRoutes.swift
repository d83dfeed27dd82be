// Queues: counts, settings and pauses, and statistics over all of them.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// The field of a pause.
enum PauseField {
    static let reason = Field.text("reason", length: 0...500, "Why, for the people who see the pause.")

    static let shape = ObjectShape(body: "Pause", "A pause.", [reason])
}

extension API {
    func listQueues(_ call: Call) async throws -> Reply {
        let (statuses, damaged) = try await statuses(call)
        return Reply(
            .object(["queues": .array(statuses.map(JSONOutput.queue))]).adding(damaged.members(for: call.caller)))
    }

    /// The status of every visible queue, sorted by name, and the queues that cannot be read.
    private func statuses(_ call: Call) async throws -> ([QueueStatus], DamagedQueues) {
        let (statuses, damaged) = try await call.readEach(call.visibleQueues()) { queue throws(QueueError) in
            try await queue.status()
        }
        return (statuses.values.compactMap(\.self).sorted { $0.name < $1.name }, damaged)
    }

    func getQueue(_ call: Call) async throws -> Reply { Reply(.queue(try await existing(call).status)) }

    /// The queue in the path with its status; throws 404 when there is none.
    func existing(_ call: Call) async throws -> (queue: Queue, status: QueueStatus) {
        let queue = try call.queueInPath()
        guard let status = try await queue.status() else {
            throw HTTPProblem.notFound("there is no queue \(queue.name)")
        }
        return (queue, status)
    }

    /// Changes a queue and returns its new state.
    private func changing(
        _ queue: Queue, _ change: (Queue) async throws(QueueError) -> Void
    ) async throws -> Reply {
        try await queue.change(change)
        guard let status = try await queue.afterChange({ queue throws(QueueError) in try await queue.status() }) else {
            throw HTTPProblem.notFound("there is no queue \(queue.name)")
        }
        return Reply(.queue(status))
    }

    /// Sets the given settings, `null` to their defaults; creates the queue if it does not exist.
    func configureQueue(_ call: Call) async throws -> Reply {
        let queue = try call.queueInPath()
        var fields = try call.fields()
        let change = QueueSettingsChange(&fields, queue.name, settings)
        try fields.done()
        return try await changing(queue) { queue throws(QueueError) in try await queue.configure(change) }
    }

    func pauseQueue(_ call: Call) async throws -> Reply {
        let reason = try Self.reason(call)
        let queue = try await beforeWriting { try await existing(call).queue }
        return try await changing(queue) { queue throws(QueueError) in
            try await queue.pause(reason: reason, by: call.caller.name)
        }
    }

    func resumeQueue(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        let queue = try await beforeWriting { try await existing(call).queue }
        return try await changing(queue) { queue throws(QueueError) in try await queue.resume() }
    }

    func pauseAll(_ call: Call) async throws -> Reply {
        let reason = try Self.reason(call)
        do throws(QueueError) {
            try await repeatedOnce { [store] _ throws(QueueError) in
                try await store.pauseAll(reason: reason, as: call.author, by: call.caller.name)
            }
        } catch {
            // The error may leave some queues paused.
            let damaged = DamagedQueues(error.byQueue).members(for: call.caller)
            throw WriteError(error: error, more: Self.allQueues + damaged)
        }
        return Reply(.object(["message": "All queues are paused", "status": "paused"]))
    }

    func resumeAll(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        let reply = JSONOutput.object(["message": "Queues are no longer paused together", "status": "active"])
        do throws(QueueError) {
            try await repeatedOnce { [store] _ throws(QueueError) in try await store.resumeAll(as: call.author) }
            return Reply(reply)
        } catch {
            let damaged = DamagedQueues(error.byQueue).members(for: call.caller)
            // A queue that cannot be read does not run in any case; all the others do again. An error without a queue is
            // that of the pause of all itself, so that nothing was resumed.
            if error.isOfOneQueue, !error.byQueue.isEmpty { return Reply(reply.adding(damaged)) }
            throw WriteError(error: error, more: Self.allQueues + damaged)
        }
    }

    /// What a response says of an operation on all queues.
    private static let allQueues: [(key: String, value: JSONOutput)] = [("queues", "all")]

    private static func reason(_ call: Call) throws(HTTPProblem) -> String? {
        guard var fields = try call.optionalFields() else { return nil }
        let reason = fields.read(PauseField.reason)
        try fields.done()
        return reason
    }

    /// The statistics over all visible queues.
    func stats(_ call: Call) async throws -> Reply {
        let (all, damaged) = try await statuses(call)
        var jobs: [JobIndex: Int] = [:]
        // Sums are clamped so that stored numbers cannot overflow.
        func add(_ left: Int, _ right: Int) -> Int { min(max(left + right, -(1 << 53)), 1 << 53) }
        for status in all { jobs.merge(status.jobs, uniquingKeysWith: add) }
        func sum(_ path: KeyPath<QueueStatus, Int>) -> JSONOutput { .int(all.reduce(0) { add($0, $1[keyPath: path]) }) }
        return Reply(
            .object([
                "queues": .int(all.count), "paused_queues": .int(all.count { $0.isPaused }),
                "paused_all": .bool(try await store.globalPause() != nil),
                "jobs": .counts(jobs), "total_jobs": sum(\.total),
                "totals": .object([
                    "created": sum(\.createdEver), "completed": sum(\.completedEver), "failed": sum(\.failedEver),
                    "cancelled": sum(\.cancelledEver), "deleted": sum(\.deletedEver),
                ]),
                "oldest_wait_seconds": .seconds(all.map(\.oldestWait).max() ?? .zero),
            ]).adding(damaged.members(for: call.caller)))
    }

    /// The worker processes of all visible queues, each once, with the information from their heartbeats.
    func listWorkers(_ call: Call) async throws -> Reply {
        let (reports, damaged) = try await call.readEach(call.visibleQueues()) { queue throws(QueueError) in
            try await queue.workers()
        }
        let workers = Dictionary(grouping: reports.values.joined(), by: \.worker).map { id, reports in
            (id, reports.sorted { $0.queue < $1.queue })
        }
        return Reply(
            .object([
                "workers": .array(workers.sorted { $0.0 < $1.0 }.map { id, reports in Self.worker(id, reports) })
            ]).adding(damaged.members(for: call.caller)))
    }

    private static func worker(_ id: String, _ reports: [WorkerReport]) -> JSONOutput {
        let silence = reports.map(\.sinceHeartbeat).min() ?? .zero
        return .object([
            "id": .string(id), "last_seen_at": reports.map(\.lastHeartbeat).max().map(JSONOutput.time),
            "last_seen_seconds": .seconds(silence), "alive": .bool(silence < WorkerReport.silence),
            "queues": .array(
                reports.map { report in
                    .object(["queue": .string(report.queue.description), "info": .opaque(report.info)])
                }),
        ])
    }
}
