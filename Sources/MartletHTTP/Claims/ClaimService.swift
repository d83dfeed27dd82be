// What the routes of workers over HTTP share: the claims from each queue, the leases and the lists of workers.

import FoundationEssentials
import HTTPTypes
import Logging
import MartletJSON
import MartletJobs
import MartletQueue
import ServiceLifecycle
import Synchronization

/// Hands out jobs to workers over HTTP.
final class ClaimService: Sendable {
    let store: JobStore
    let leases = LeaseTable()
    let metrics: ClaimMetrics
    let presence: WorkerPresence
    let keeper: ClaimKeeper
    let settling: ClaimSettling
    let waits: WaitLimit

    /// The most queues that are kept without use; names come from callers.
    private static let mostQueues = 1024
    /// The first part of the names of this server's claims.
    private let server = "http-" + ClaimRequest.freshNonce()
    private let queues = Mutex<[QueueName: QueueClaims]>([:])

    init(store: JobStore, settings: ServerSettings, logger: Logger) {
        self.store = store
        metrics = ClaimMetrics(times: ClaimTimes(store: store, logger: logger))
        keeper = ClaimKeeper(logger: logger)
        presence = WorkerPresence(store: store, leases: leases, logger: logger)
        settling = ClaimSettling(store: store, leases: leases, metrics: metrics, logger: logger)
        waits = WaitLimit(
            perCaller: settings.maxWaitsPerCaller, total: settings.maxWaits,
            words: .init(
                tooMany: .tooManyWaits, many: "claims of this caller wait already; claim with wait_seconds 0, or later",
                full: .waitsFull, all: "claims wait already; claim with wait_seconds 0, or later"))
    }

    private func claims(from name: QueueName) -> QueueClaims {
        queues.withLock { queues in
            if let claims = queues[name] { return claims }
            if queues.count >= Self.mostQueues { queues = queues.filter { !$0.value.isIdle } }
            let claims = QueueClaims(queue: store.queue(name), server: server, keeper: keeper)
            queues[name] = claims
            return claims
        }
    }

    /// Claims jobs, and waits for the first of them if there are none.
    ///
    /// The caller's access to the queues was checked before. A caller that hangs up gets nothing; what was claimed for it
    /// goes back, as does what cannot be written to it.
    func claim(_ order: ClaimOrder, for caller: Caller) async throws -> [HeldJob] {
        let holder = ClaimHolder(caller: caller.name, worker: order.worker)
        presence.claims(order, holder)
        var round = ClaimRound(order: order, holder: holder)
        try await round.take(from: order.queues.map { claims(from: $0.name) })
        if round.jobs.isEmpty, order.wait > .zero {
            let looks = round.looks
            round.jobs = try await waits.hold(for: caller) { try await wait(order, holder, looks) }
        }
        let jobs = round.jobs
        guard let first = jobs.first else { return [] }
        // A socket takes what is written to a caller that has closed it, so this is the last moment to see that.
        guard !(ClientConnection.current?.hasStopped ?? false) else {
            keeper.release(jobs, to: store, why: "caller has hung up")
            return []
        }
        leases.add(jobs, to: holder)
        metrics.claimed(jobs)
        settling.logger.debug(
            "jobs claimed",
            metadata: [
                "jobs": .stringConvertible(jobs.count), "worker_id": "\(order.worker ?? "-")",
                "job_id": "\(first.token.id)", "queue": "\(first.token.queue)",
            ])
        ClientConnection.current?.whenUndelivered { [keeper, store, leases] in
            for held in jobs { leases.remove(held.token) }
            keeper.release(jobs, to: store, why: "answer could not be written")
        }
        return jobs
    }

    /// Waits until there are jobs, the time is over, the caller has hung up or the server shuts down.
    private func wait(
        _ order: ClaimOrder, _ holder: ClaimHolder, _ looks: [QueueName: ContinuousClock.Instant]
    ) async throws -> [HeldJob] {
        let waiter = ClaimWaiter()
        store.call(at: .now + order.wait) { waiter.finish() }
        let result = try await cancelWhenGracefulShutdown {
            try await ClientConnection.whileConnected(until: .stopped) { [self] in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await self.presence.keep(order, holder) }
                    defer { group.cancelAll() }
                    return await Result { try await self.jobs(for: waiter, order, holder, looks) }
                }
            }
        }
        return try result.get()
    }

    /// The first jobs that come while a caller waits; none when the wait ends without.
    private func jobs(
        for waiter: ClaimWaiter, _ order: ClaimOrder, _ holder: ClaimHolder,
        _ looks: [QueueName: ContinuousClock.Instant]
    ) async throws -> [HeldJob] {
        let places = order.queues.map { queue in
            let claims = claims(from: queue.name)
            return (claims: claims, number: claims.join(waiter, nextLook: looks[queue.name] ?? .now))
        }
        defer { for place in places { place.claims.leave(place.number) } }
        while let woken = await waiter.next() {
            var round = ClaimRound(order: order, holder: holder)
            for place in places where woken.contains(place.claims.queue.name) {
                let start = round
                // Not a child: a claim that has begun is finished, also for a caller that hangs up meanwhile.
                round = try await Task { [start] in
                    var round = start
                    try await round.take(from: [place.claims])
                    return round
                }.value
                place.claims.looked(
                    place.number, goesOn: round.goesOn, nextLook: round.looks[place.claims.queue.name] ?? .now)
            }
            if !round.jobs.isEmpty { return round.jobs }
        }
        return []
    }
}

/// One claim from some queues, in the caller's order.
private struct ClaimRound: Sendable {
    let order: ClaimOrder
    let holder: ClaimHolder
    var jobs: [HeldJob] = []
    /// When to look at each queue again.
    var looks: [QueueName: ContinuousClock.Instant] = [:]
    /// Whether the last queue has more jobs.
    var goesOn = false

    /// Takes jobs until there are as many as the caller asked for.
    ///
    /// An error after the first jobs ends the round with these.
    mutating func take(from queues: [QueueClaims]) async throws(QueueError) {
        for claims in queues {
            let slots = order.queues.first { $0.name == claims.queue.name }?.most ?? 0
            let most = min(slots, order.most - jobs.count)
            guard most > 0 else {
                goesOn = true
                return
            }
            do throws(QueueError) {
                let look = try await claims.look(order, most: most, for: holder)
                jobs += look.jobs
                looks[claims.queue.name] = look.nextLook
                goesOn = look.goesOn
            } catch {
                guard jobs.isEmpty else { return }
                throw error
            }
        }
    }
}

extension Result where Failure == any Error, Success: Sendable {
    /// The result of asynchronous work.
    fileprivate init(_ work: () async throws -> Success) async {
        do { self = .success(try await work()) } catch { self = .failure(error) }
    }
}
