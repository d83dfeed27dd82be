// A client's connection as the rest of the server sees it: whether the client is connected, how long it is idle, and
// how much of its responses is unread.

import NIOCore
import Synchronization

/// A connection to a client.
///
/// Its handlers change it on their event loop; any thread may read it.
final class ClientConnection: Sendable {
    /// The events of a client.
    enum Event: Sendable {
        /// The client has closed its sending side; it may still read, but usually it has gone.
        case stopped
        /// The connection is closed.
        case closed
        /// The server is shutting down.
        case shuttingDown
    }

    private struct State {
        var past: Set<Event> = []
        var watchers: [Int: (event: Event, call: @Sendable () -> Void)] = [:]
        var nextWatcher = 0
        /// What to do when the response to the current request cannot be written.
        var undelivered: (@Sendable () -> Void)?
        var unread = 0
        var unreadSince: NIODeadline?
    }

    /// How the body of the next response is sent.
    enum AnswerForm: UInt8 {
        /// Whole, with its length in the head.
        case whole
        /// Piece by piece, for as long as its source goes on.
        case stream
        /// Not at all: the response to a `HEAD` whose `GET` would be a stream.
        case headOfStream
    }

    /// The connection whose request the current task handles.
    @TaskLocal static var current: ClientConnection?

    private let channel: any Channel
    private let executor: any TaskExecutor
    private let state = Mutex(State())
    /// Since when no request is in flight, in nanoseconds of the loop's clock; 0 during a request.
    private let idle = Atomic<UInt64>(0)
    private let form = Atomic(AnswerForm.whole.rawValue)

    /// Creates a connection whose tasks run on `executor`.
    init(_ channel: any Channel, executor: any TaskExecutor) {
        self.channel = channel
        self.executor = executor
    }

    /// Closes the connection.
    func close() { channel.close(promise: nil) }

    /// The form of the next response; responses of one connection are made one after another.
    var nextAnswer: AnswerForm {
        get { AnswerForm(rawValue: form.load(ordering: .relaxed)) ?? .whole }
        set { form.store(newValue.rawValue, ordering: .relaxed) }
    }
}

// MARK: - Idle

extension ClientConnection {
    /// Since when no request is in flight; `nil` during a request.
    ///
    /// A new connection does not count as idle for a moment, so this may be in the future.
    var idleSince: NIODeadline? {
        let nanoseconds = idle.load(ordering: .relaxed)
        return nanoseconds == 0 ? nil : .uptimeNanoseconds(nanoseconds)
    }

    /// Marks the start of a request.
    func becomeBusy() { idle.store(0, ordering: .relaxed) }

    /// Marks that no request is in flight, from `delay` on.
    func becomeIdle(after delay: TimeAmount = .zero) {
        idle.store(max(1, (NIODeadline.now() + delay).uptimeNanoseconds), ordering: .relaxed)
    }
}

// MARK: - Presence

extension ClientConnection {
    /// Records that the client has closed its sending side.
    func clientStopped() { notify(.stopped) }

    /// Records that the connection is closed.
    func connectionClosed() {
        notify(.closed)
        responseLost()
    }

    /// Records that the server is shutting down.
    func serverShutsDown() { notify(.shuttingDown) }

    private func notify(_ event: Event) {
        let calls = state.withLock { state in
            // A client whose connection is closed has stopped too.
            let news = Set(event == .closed ? [.stopped, .closed] : [event]).subtracting(state.past)
            state.past.formUnion(news)
            return state.watchers.values.filter { news.contains($0.event) }.map(\.call)
        }
        for call in calls { call() }
    }

    /// Whether the client has closed its sending side.
    var hasStopped: Bool { state.withLock { $0.past.contains(.stopped) } }

    /// Whether the connection is closed.
    var isClosed: Bool { state.withLock { $0.past.contains(.closed) } }

    /// Calls `call` when `event` happens, at once if it has happened.
    func watch(_ event: Event, _ call: @escaping @Sendable () -> Void) -> Int {
        let (key, isPast) = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = (event, call)
            return (state.nextWatcher, state.past.contains(event))
        }
        if isPast { call() }
        return key
    }

    /// Ends a watch.
    func unwatch(_ key: Int) { state.withLock { _ = $0.watchers.removeValue(forKey: key) } }

    /// Runs work that is useless once the client has gone, and cancels it then.
    ///
    /// - Throws: the errors of `work`; usually `CancellationError` when the client has gone.
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

// MARK: - Delivery

extension ClientConnection {
    /// Calls `lost` if the response to the current request cannot be written to the socket.
    ///
    /// What the network does with a written response is not known to anybody.
    func whenUndelivered(_ lost: @escaping @Sendable () -> Void) {
        let isPast = state.withLock { state in
            let isClosed = state.past.contains(.closed)
            if !isClosed { state.undelivered = lost }
            return isClosed
        }
        if isPast { lost() }
    }

    /// Whether somebody wants to know whether the response was written.
    var watchesDelivery: Bool { state.withLock { $0.undelivered != nil } }

    /// The response was written.
    func responseWritten() { state.withLock { $0.undelivered = nil } }

    /// The response cannot be written.
    func responseLost() { state.withLock { $0.undelivered.take() }?() }
}

// MARK: - Unread answers

extension ClientConnection {
    /// Since when a response waits to be read; `nil` when none does.
    var unreadSince: NIODeadline? { state.withLock { $0.unreadSince } }

    /// Adds a response to be sent.
    func addUnread(_ count: Int) {
        state.withLock { state in
            state.unread += count
            state.unreadSince = state.unreadSince ?? .now()
        }
    }

    /// The client has read a response.
    ///
    /// - Returns: the number of bytes to release.
    func removeUnread(_ count: Int) -> Int {
        state.withLock { state in
            let removed = min(count, state.unread)
            state.unread -= removed
            if state.unread == 0 { state.unreadSince = nil }
            return removed
        }
    }

    /// The client will read nothing more.
    ///
    /// - Returns: the number of bytes to release.
    func removeAllUnread() -> Int { removeUnread(.max) }
}
