// Settles claims: the facts that a retry needs, one script call for each queue, and what each claim's end came to.

import FoundationEssentials
import Logging
import MartletJSON
import MartletJobs
import MartletQueue

/// What became of the end of one claim.
enum SettleResult: Sendable {
    /// Accepted now or before; the job is in this state, or has been deleted since.
    case done(JobState?, runAt: Date?)
    /// The caller does not hold the job.
    case lost
    /// There is no such job: settled before and not kept, or deleted.
    case gone
    /// Redis failed.
    case failed(QueueError)
}

/// Settles the claims of workers over HTTP.
struct ClaimSettling: Sendable {
    let store: JobStore
    let leases: LeaseTable
    let metrics: ClaimMetrics
    let logger: Logger

    typealias Item = (token: ClaimToken, end: ClaimEnd)

    /// Settles each claim by itself; the results are in the order of the items.
    ///
    /// The caller's access to the queues was checked before.
    func settle(_ items: [Item], caller: Caller) async -> [SettleResult] {
        var results = [SettleResult](repeating: .lost, count: items.count)
        for (name, indexes) in Dictionary(grouping: items.indices, by: { items[$0].token.queue }) {
            let mark = ClaimNonce.name(of: caller.name, in: name)
            let own = indexes.filter { items[$0].token.nonce.has(mark) }
            guard !own.isEmpty else { continue }
            let part = await settle(own.map { items[$0] }, in: store.queue(name))
            for (index, result) in zip(own, part) { results[index] = result }
        }
        for (item, result) in zip(items, results) { note(item, result) }
        return results
    }

    private func settle(_ items: [Item], in queue: Queue) async -> [SettleResult] {
        do throws(QueueError) {
            let settlements = try await settlements(items, in: queue)
            let reply = try await repeatedOnce { _ throws(QueueError) in try await queue.settle(settlements) }
            return await results(items, reply.verdicts, in: queue)
        } catch {
            var error = error
            if error.ids.isEmpty { error.ids = items.map(\.token.id) }
            return items.map { _ in .failed(error) }
        }
    }

    /// The settlements, with the retry policies of jobs that another server has handed out.
    private func settlements(_ items: [Item], in queue: Queue) async throws(QueueError) -> [Settlement] {
        var facts = items.map { leases[$0.token] }
        let unknown = items.indices.filter { facts[$0] == nil && items[$0].end.needsPolicy }
        if !unknown.isEmpty {
            let jobs: [JobRecord?]
            do throws(QueueError) { jobs = try await queue.jobs(unknown.map { items[$0].token.id }) } catch {
                throw error.beforeWriting
            }
            for (index, job) in zip(unknown, jobs) { facts[index] = job.map { LeaseFacts(of: $0) } }
        }
        return zip(items, facts).map { item, facts in
            Settlement(
                id: item.token.id, token: item.token.stored, outcome: item.end.outcome(facts),
                worker: facts?.holder.worker)
        }
    }

    private func results(
        _ items: [Item], _ verdicts: [SettleVerdict], in queue: Queue
    ) async -> [SettleResult] {
        let waiting = items.indices.filter { verdicts[$0].state == .retrying }.map { items[$0].token.id }
        // The claims are settled: an error of this read is no error of theirs.
        let records = waiting.isEmpty ? [] : (try? await queue.jobs(waiting)) ?? []
        let dueTimes = Dictionary(
            records.compactMap { job in job.flatMap { job in job.dueAt.map { (job.id, $0) } } },
            uniquingKeysWith: { $1 })
        return zip(items, verdicts).map { item, verdict in
            switch verdict {
            case .settled, .duplicate: .done(verdict.state, runAt: dueTimes[item.token.id])
            case .fenced: .lost
            case .gone: .gone
            }
        }
    }

    private func note(_ item: Item, _ result: SettleResult) {
        let facts = leases[item.token]
        switch result {
        case .done(let state, _):
            let word = item.end.outcome(facts).label(in: state)
            let level: Logger.Level = word == .failed ? .error : word == .retried ? .warning : .debug
            logger.log(level: level, "attempt finished", metadata: Self.labels(item, facts, outcome: word, state))
            metrics.finished(word, in: item.token.queue, facts)
            leases.remove(item.token)
        case .lost:
            logger.warning("lease lost before settling, outcome discarded", metadata: Self.labels(item, facts))
            metrics.finished(.fenced, in: item.token.queue, facts)
            if facts != nil { metrics.leaseLost(in: item.token.queue) }
            leases.remove(item.token)
        case .gone:
            logger.debug("attempt already settled", metadata: Self.labels(item, facts))
            leases.remove(item.token)
        case .failed: break
        }
    }

    /// What a line of the log tells of an end.
    private static func labels(
        _ item: Item, _ facts: LeaseFacts?, outcome: OutcomeLabel? = nil, _ state: JobState? = nil
    ) -> Logger.Metadata {
        var labels: Logger.Metadata = [
            "job_id": "\(item.token.id)", "queue": "\(item.token.queue)", "type": "\(facts?.type ?? "unknown")",
            "worker_id": "\(facts?.holder.worker ?? "-")",
        ]
        if let facts { labels["attempt"] = .stringConvertible(facts.attempt) }
        if let error = item.end.errorText { labels["error"] = "\(error)" }
        if let outcome { labels["outcome"] = "\(outcome)" }
        if let state { labels["state"] = "\(state)" }
        return labels
    }
}

extension SettleVerdict {
    /// The state of the job, where it is known.
    fileprivate var state: JobState? {
        switch self {
        case .settled(let state): state
        case .duplicate(let state): state
        case .fenced, .gone: nil
        }
    }
}

extension LeaseFacts {
    /// The facts of a job that another server has handed out.
    fileprivate init(of job: JobRecord) {
        self.init(
            type: job.type, holder: ClaimHolder(caller: ""), attempt: job.failures + 1, retryPolicy: job.retryPolicy)
    }
}
