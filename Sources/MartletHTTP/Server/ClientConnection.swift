// What the rest of the server knows of a client's connection: whether the client is still there, since when the connection
// is idle, and how much of its answers is unread.

import NIOCore
import Synchronization

/// A connection to a client.
///
/// Its handlers change it on their event loop; any thread may ask.
final class ClientConnection: Sendable {
    /// What can be heard of a client.
    enum Event: Sendable {
        /// It sends nothing more; it may still read, but most that do this have gone.
        case stopped
        /// The connection is closed.
        case closed
    }

    private struct State {
        var hasStopped = false
        var isClosed = false
        var watchers: [Int: (event: Event, call: @Sendable () -> Void)] = [:]
        var nextWatcher = 0
        var unread = 0
        var unreadSince: NIODeadline?
    }

    /// The connection whose request the task works on.
    @TaskLocal static var current: ClientConnection?

    private let channel: any Channel
    private let executor: any TaskExecutor
    private let state = Mutex(State())
    /// Since when no request is under way, in nanoseconds of the loop's clock; 0 while one is.
    private let idle = Atomic<UInt64>(0)

    /// A connection whose tasks run on `executor`.
    init(_ channel: any Channel, executor: any TaskExecutor) {
        self.channel = channel
        self.executor = executor
    }

    /// Closes the connection.
    func close() { channel.close(promise: nil) }
}

// MARK: - Idle

extension ClientConnection {
    /// Since when no request is under way; `nil` while one is.
    ///
    /// A connection that was just accepted has a moment in which it does not count as idle, so this may lie in the future.
    var idleSince: NIODeadline? {
        let nanoseconds = idle.load(ordering: .relaxed)
        return nanoseconds == 0 ? nil : .uptimeNanoseconds(nanoseconds)
    }

    /// A request has begun.
    func becomeBusy() { idle.store(0, ordering: .relaxed) }

    /// No request is under way, or none from `delay` on.
    func becomeIdle(after delay: TimeAmount = .zero) {
        idle.store(max(1, (NIODeadline.now() + delay).uptimeNanoseconds), ordering: .relaxed)
    }
}

// MARK: - Presence

extension ClientConnection {
    /// The client sends nothing more.
    func clientStopped() { tell(.stopped) }

    /// The connection is closed.
    func connectionClosed() { tell(.closed) }

    private func tell(_ event: Event) {
        let calls = state.withLock { state in
            state.hasStopped = true
            if event == .closed { state.isClosed = true }
            return state.watchers.values.filter { $0.event == .stopped || event == .closed }.map(\.call)
        }
        for call in calls { call() }
    }

    /// Whether the client sends nothing more.
    var hasStopped: Bool { state.withLock { $0.hasStopped } }

    /// Whether the connection is closed.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Calls `call` once `event` is known, at once if it is already.
    private func watch(_ event: Event, _ call: @escaping @Sendable () -> Void) -> Int {
        let (key, isPast) = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = (event, call)
            return (state.nextWatcher, event == .closed ? state.isClosed : state.hasStopped)
        }
        if isPast { call() }
        return key
    }

    private func unwatch(_ key: Int) { state.withLock { _ = $0.watchers.removeValue(forKey: key) } }

    /// Runs work that nobody needs once the client has gone, and cancels it then.
    ///
    /// - Throws: what `work` throws; a `CancellationError` most likely when the client has gone.
    static func whileConnected<Value: Sendable>(
        until event: Event, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard let link = current else { return try await work() }
        let task = Task(executorPreference: link.executor) { try await work() }
        let key = link.watch(event) { task.cancel() }
        defer { link.unwatch(key) }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}

// MARK: - Unread answers

extension ClientConnection {
    /// Since when an answer waits to be read; `nil` when none does.
    var unreadSince: NIODeadline? { state.withLock { $0.unreadSince } }

    /// An answer will be sent.
    func addUnread(_ count: Int) {
        state.withLock { state in
            state.unread += count
            state.unreadSince = state.unreadSince ?? .now()
        }
    }

    /// The client has read an answer.
    ///
    /// - Returns: how many bytes are to be given back.
    func removeUnread(_ count: Int) -> Int {
        state.withLock { state in
            let removed = min(count, state.unread)
            state.unread -= removed
            if state.unread == 0 { state.unreadSince = nil }
            return removed
        }
    }

    /// Nothing of what the client has not read will be read any more.
    ///
    /// - Returns: how many bytes are to be given back.
    func removeAllUnread() -> Int { removeUnread(.max) }
}
