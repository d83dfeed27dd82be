// The routes of workers over HTTP that are about the worker: its heartbeats and its end.

import FoundationEssentials
import HTTPTypes
import Logging
import MartletJSON
import MartletJobs
import MartletQueue

/// One lease in a heartbeat.
private struct LeaseRenewal {
    /// The token as it was sent.
    var text: String
    /// `nil` for a token that this caller cannot hold.
    var token: ClaimToken?
    var progress: JobProgress?
    var checkpoint: [UInt8]?
    /// How long the job is held from now on; `nil` for the queue's lease.
    var lease: Duration?
    var verdict: HeartbeatVerdict?

    init?(_ text: JSONText, at pointer: String, _ call: Call, _ errors: inout [FieldError]) {
        var fields = Fields(text, HeartbeatField.leaseShape, at: pointer)
        let name = fields.read(ClaimField.token)
        progress = Self.progress(&fields)
        if let checkpoint = fields.value("checkpoint") {
            if checkpoint.count > API.checkpointLimit {
                fields.refuse("checkpoint", "has more than \(API.checkpointLimit) bytes")
            }
            self.checkpoint = checkpoint.bytes
        }
        lease = fields.read(HeartbeatField.lease)
        errors += fields.close()
        guard let name else { return nil }
        self.text = name
        // One bad token must not cost a worker its other leases, so it is answered as lost.
        token = ClaimToken(name).flatMap { token in
            call.caller.queues.matches(token.queue) && token.nonce.belongs(to: call.caller.name, in: token.queue)
                ? token : nil
        }
    }

    private static func progress(_ fields: inout Fields) -> JobProgress? {
        guard var progress = fields.object("progress", HeartbeatField.progressShape) else { return nil }
        let completed = progress.read(HeartbeatField.completed)
        let total = progress.read(HeartbeatField.total)
        let rate = progress.read(HeartbeatField.rate)
        fields.refuse(progress.close())
        return completed.map { JobProgress(completed: Int64($0), total: total.map { Int64($0) }, rate: rate) }
    }

    /// The answer; times count from `sent`.
    func json(sent: Date) -> JSONOutput {
        var object = JSONObjectOutput(capacity: 200)
        object.add("token", text: text)
        switch verdict {
        case .held(let left, let wanted):
            object.add("status", text: wanted.map { $0 == .pause ? "pause" : "cancel" } ?? "ok")
            object.add("expires_at", text: (sent + left.inSeconds).rfc3339)
            object.add("lease_seconds", .seconds(left))
        case .fenced, .gone, nil: object.add("status", text: token != nil && verdict == nil ? "unknown" : "lost")
        }
        return .written(object)
    }
}

extension API {
    /// Renews all leases of a worker, and answers what is wanted of each job.
    func workerHeartbeat(_ call: Call) async throws -> Reply {
        let worker = try call.workerInPath()
        var fields = try call.fields()
        let card = fields.read(ClaimField.card)
        let list = fields.list("leases", limit: ClaimField.mostTokens) ?? []
        var errors: [FieldError] = []
        var renewals = list.enumerated().compactMap { LeaseRenewal($1, at: "/leases/\($0)", call, &errors) }
        fields.refuse(errors)
        try fields.done()
        guard list.count <= ClaimField.mostTokens else {
            throw HTTPProblem.tooLarge(
                "leases has at most \(ClaimField.mostTokens) entries", limit: ClaimField.mostTokens)
        }
        let holder = ClaimHolder(caller: call.caller.name, worker: worker)
        let byQueue = Dictionary(grouping: renewals.indices.filter { renewals[$0].token != nil }) {
            renewals[$0].token?.queue
        }
        let known = claims.presence.heartbeat(holder, card: card, queues: Set(byQueue.keys.compactMap(\.self)))
        let sent = Date()
        var failure: QueueError?
        for name in known.filter(call.caller.queues.matches).sorted() {
            let indexes = byQueue[name] ?? []
            do throws(QueueError) {
                let info = claims.presence.info(
                    of: holder, in: name, state: "running", jobs: indexes.compactMap { renewals[$0].token?.id })
                // One call for each lease that is asked for; without jobs one that shows the worker.
                var groups = Dictionary(grouping: indexes) { renewals[$0].lease }
                if groups.isEmpty { groups[nil] = [] }
                for (lease, part) in groups {
                    let verdicts = try await renew(
                        part.map { renewals[$0] }, lease: lease, info: info, in: store.queue(name), holder)
                    for (index, verdict) in zip(part, verdicts) { renewals[index].verdict = verdict }
                }
            } catch {
                // The damage of one queue keeps no lease of another from being renewed.
                guard error.isOfOneQueue else { throw error }
                failure = error
            }
        }
        if let failure, !renewals.contains(where: { $0.verdict != nil }) { throw failure }
        note(renewals)
        return Reply(.object(["leases": .array(renewals.map { $0.json(sent: sent) })]))
    }

    private func renew(
        _ renewals: [LeaseRenewal], lease: Duration?, info: String, in queue: Queue, _ holder: ClaimHolder
    ) async throws(QueueError) -> [HeartbeatVerdict] {
        let heartbeats = renewals.compactMap { renewal in
            renewal.token.map {
                Heartbeat(id: $0.id, token: $0.stored, progress: renewal.progress, checkpoint: renewal.checkpoint)
            }
        }
        return try await repeatedOnce { _ throws(QueueError) in
            try await queue.heartbeat(worker: holder.worker ?? "", info: info, lease: lease, heartbeats).verdicts
        }
    }

    private func note(_ renewals: [LeaseRenewal]) {
        for renewal in renewals {
            guard let token = renewal.token else { continue }
            switch renewal.verdict {
            case .held: claims.leases.renew(token)
            case .fenced, .gone:
                guard let facts = claims.leases[token] else { continue }
                claims.leases.remove(token)
                claims.metrics.leaseLost(in: token.queue)
                claims.settling.logger.warning(
                    "lease lost, worker notified",
                    metadata: [
                        "job_id": "\(token.id)", "queue": "\(token.queue)", "type": "\(facts.type)",
                        "attempt": .stringConvertible(facts.attempt), "worker_id": "\(facts.holder.worker ?? "-")",
                    ])
            case nil: continue
            }
        }
    }

    /// The end of a worker: what it still holds goes back at once, without charging an attempt.
    func endWorker(_ call: Call) async throws -> Reply {
        let holder = ClaimHolder(caller: call.caller.name, worker: try call.workerInPath())
        let suffix = ClaimNonce.name(of: holder)
        let (released, damaged) = try await call.readEach(call.visibleQueues()) { [claims] queue throws(QueueError) in
            let mark = ClaimNonce.name(of: holder.caller, in: queue.name)
            let held = try await queue.heldTokens().filter { _, token in
                let nonce = token.split(separator: ":").last.flatMap { ClaimNonce(String($0)) }
                return nonce.map { $0.description.hasSuffix(suffix) && $0.has(mark) } ?? false
            }
            let settlements = held.map { Settlement(id: $0.id, token: $0.token, outcome: .released(after: nil)) }
            let reply = try await repeatedOnce { _ throws(QueueError) in try await queue.settle(settlements) }
            if try await queue.workers().contains(where: { WorkerPresence.isReported($0, of: holder) }) {
                let info = claims.presence.info(of: holder, in: queue.name, state: "stopped", jobs: [])
                _ = try await queue.heartbeat(worker: holder.worker ?? "", info: info, [])
            }
            return reply.verdicts.count { $0.isDone }
        }
        claims.presence.remove(holder)
        return Reply(
            .object(["released": .int(released.values.reduce(0, +))]).adding(damaged.members(for: call.caller)))
    }
}

extension Call {
    /// The worker's id in the path.
    fileprivate func workerInPath() throws(HTTPProblem) -> String {
        guard let id = parameters["worker"], id.utf8.count <= WorkerCard.longestID, JobID.isName(id) else {
            throw .invalid("?worker", WorkerCard.idRule)
        }
        return id
    }
}
