// The hosts that this process downloads from, and when a download must yield its slot to other hosts.

import MartletJobs
import Synchronization

final class HostTable: Sendable {
    private let maxPerHost: Int
    private let look: SnapshotReader
    private let gaveWay: (@Sendable () -> Void)?
    private let state = Mutex(State())

    private struct State {
        var running: [String: Int] = [:]
        /// When the next deferred download of a host may run again.
        var turns: [String: ContinuousClock.Instant] = [:]
    }

    /// `nil` without a share or without a snapshot source.
    init?(_ configuration: DownloadConfiguration) {
        guard configuration.maxPerHost > 0, let snapshot = configuration.snapshot else { return nil }
        maxPerHost = configuration.maxPerHost
        look = SnapshotReader(snapshot)
        gaveWay = configuration.gaveWay
    }

    /// The number of downloads of a host in this process.
    func count(of host: String) -> Int { state.withLock { $0.running[host] ?? 0 } }

    /// Runs `work` in a slot of its host.
    ///
    /// Throws `host_busy` when the host has used its share and others wait, at the start or later; then the work is
    /// cancelled as by a pause.
    func inSlot<Value: Sendable>(
        of host: String, _ id: JobID, stopReason: @escaping @Sendable () -> StopReason?,
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let others = enter(host)
        defer { leave(host) }
        if await mustWait(id, host: host, others: others) { throw heldBack(host) }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask { [self] in
                await waitUntilGivingWay(id)
                return nil
            }
            defer { group.cancelAll() }
            if let value = try await group.next() ?? nil { return value }
            // The slot is needed by others, or the job must stop; the work ends in order either way.
            let isStopping = Task.isCancelled
            group.cancelAll()
            do {
                while let value = try await group.next() { if let value { return value } }
            } catch is CancellationError where !isStopping && stopReason() == nil {}
            if isStopping || stopReason() != nil { throw CancellationError() }
            throw heldBack(host)
        }
    }

    private func mustWait(_ id: JobID, host: String, others: Int) async -> Bool {
        // A host below its share starts at once; a recent snapshot may show otherwise.
        let snapshot = others >= maxPerHost ? await look.take(within: .seconds(1)) : look.last(within: .seconds(2))
        guard let snapshot else { return false }
        return HostShares(snapshot, maxPerHost: maxPerHost).mustWait(id, host: host, alreadyHere: others)
    }

    /// Returns when other hosts need the slot of a running download, or when the task is cancelled.
    private func waitUntilGivingWay(_ id: JobID) async {
        while true {
            do { try await Task.sleep(for: .seconds(1)) } catch { return }
            guard let snapshot = await look.take(within: .milliseconds(900)) else { continue }
            if HostShares(snapshot, maxPerHost: maxPerHost).yielding.contains(id) { return }
        }
    }

    private func enter(_ host: String) -> Int {
        state.withLock { state in
            state.running[host, default: 0] += 1
            return state.running[host, default: 0] - 1
        }
    }

    private func leave(_ host: String) {
        state.withLock { state in
            let left = (state.running[host] ?? 1) - 1
            state.running[host] = left > 0 ? left : nil
        }
    }

    private func heldBack(_ host: String) -> DownloadError {
        gaveWay?()
        return .hostBusy(host, wait: state.withLock { Self.nextTurn(host, &$0.turns, at: .now) })
    }

    /// At least a second, and 10 ms after the previous one: at most a hundred deferred downloads of a host run again
    /// per second.
    private static func nextTurn(
        _ host: String, _ turns: inout [String: ContinuousClock.Instant], at now: ContinuousClock.Instant
    ) -> Duration {
        if turns.count > 1000 { turns = turns.filter { $0.value > now } }
        let turn = max(turns[host] ?? now, now + .seconds(1)) + .milliseconds(10)
        turns[host] = turn
        return turn - now
    }
}

/// Reads queue snapshots for all downloads of a process, one at a time.
private final class SnapshotReader: Sendable {
    private let ask: @Sendable () async -> DownloadQueueSnapshot?
    private let state = Mutex(State())

    private struct State {
        var snapshot: DownloadQueueSnapshot?
        var takenAt: ContinuousClock.Instant?
        var pending: Task<DownloadQueueSnapshot?, Never>?
    }

    init(_ ask: @escaping @Sendable () async -> DownloadQueueSnapshot?) { self.ask = ask }

    /// The last snapshot, if it is recent enough.
    func last(within age: Duration) -> DownloadQueueSnapshot? {
        state.withLock { state in
            guard let takenAt = state.takenAt, ContinuousClock.now - takenAt < age else { return nil }
            return state.snapshot
        }
    }

    /// A recent snapshot, read now if necessary.
    func take(within age: Duration) async -> DownloadQueueSnapshot? {
        let (snapshot, pending) = state.withLock {
            state -> (DownloadQueueSnapshot?, Task<DownloadQueueSnapshot?, Never>?) in
            if let takenAt = state.takenAt, ContinuousClock.now - takenAt < age { return (state.snapshot, nil) }
            if let pending = state.pending { return (nil, pending) }
            let task = Task { [self] in
                let snapshot = await ask()
                self.state.withLock { $0 = State(snapshot: snapshot, takenAt: .now) }
                return snapshot
            }
            state.pending = task
            return (nil, task)
        }
        guard let pending else { return snapshot }
        return await pending.value
    }
}
