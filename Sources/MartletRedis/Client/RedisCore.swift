// The core of a client: the command pipeline under a lock, between sending tasks and the event loop.

import CoreMetrics
import NIOCore
import Synchronization

/// The shared state and I/O of a client.
///
/// Any thread may call it; access to the channel happens on the event loop.
final class RedisCore: Sendable {
    typealias Pipeline = CommandPipeline<ReplyWaiter>

    private struct State: ~Copyable {
        var pipeline = Pipeline()
        var channel: (any Channel)?
        var clientID: Int?
        var attempt: EventLoopPromise<Void>?
    }

    /// What the handler does after it has passed on replies.
    enum AfterReplies { case carryOn, close, unexpected }

    let configuration: RedisConfiguration
    let loop: any EventLoop
    /// The requests to send first on a new connection.
    let initialRequests: @Sendable () -> InitialRequests?
    private let state = Mutex(State())
    private let renewed = Mutex<RedisConfiguration?>(nil)
    private let identifiers = Atomic<UInt64>(0)
    private let commandTimeout: Int64
    private let offlineTimeout: Int64?
    private let checkInterval: TimeAmount
    private let commandTimer: CoreMetrics.Timer?
    private let upGauge: Gauge?

    init(
        _ configuration: RedisConfiguration, loop: any EventLoop,
        initialRequests: @escaping @Sendable () -> InitialRequests? = { nil }
    ) {
        self.configuration = configuration
        self.loop = loop
        self.initialRequests = initialRequests
        commandTimeout = TimeAmount(configuration.commandTimeout).nanoseconds
        offlineTimeout = configuration.offlineTimeout.map { TimeAmount($0).nanoseconds }
        let shortest = min(commandTimeout, offlineTimeout.map { $0 * 4 } ?? commandTimeout)
        checkInterval = .nanoseconds(min(max(shortest / 10, 2_000_000), 250_000_000))
        commandTimer = configuration.reportsMetrics ? CoreMetrics.Timer(label: "martlet_redis_command_seconds") : nil
        upGauge = configuration.reportsMetrics ? Gauge(label: "martlet_redis_up") : nil
        upGauge?.record(0)
    }

    /// The configuration with the latest credentials.
    var credentials: RedisConfiguration { renewed.withLock { $0 } ?? configuration }

    /// Reads user and password again from the URL file, if there is one.
    ///
    /// - Returns: whether they have changed.
    func renewCredentials() -> Bool {
        guard let new = credentials.withCredentialsOfFile() else { return false }
        renewed.withLock { $0 = new }
        return true
    }

    var isConnected: Bool { state.withLock { $0.pipeline.link != nil } }

    /// Why the last connection attempt failed; `nil` while connected.
    var connectionFailure: RedisError? {
        state.withLock { $0.pipeline.link == nil ? $0.pipeline.lastFailure : nil }
    }

    /// The server's id of the current connection, if the configuration requests it.
    var clientID: Int? { state.withLock { $0.pipeline.link == nil ? nil : $0.clientID } }

    /// The number of commands and batches that were written and have no reply yet.
    var writtenCount: Int { state.withLock { $0.pipeline.writtenCount } }

    var hasEnded: Bool { state.withLock { $0.pipeline.mode != .open } }
}

// MARK: - Sending

extension RedisCore {
    func nextIdentifier() -> UInt64 { identifiers.add(1, ordering: .relaxed).newValue }

    /// Accepts a command; resumes `waiter` exactly once, possibly before this returns.
    ///
    /// - Parameters:
    ///   - id: a number from ``nextIdentifier()``.
    ///   - waiter: the waiting task.
    ///   - writesAtOnce: whether to write before other tasks on the connection's thread run.
    ///   - terms: the timeouts and the number of replies; without a timeout, that of the configuration.
    ///   - encode: appends the command's bytes.
    func submit(
        id: UInt64, waiter: ReplyWaiter, replies: Int, isBatch: Bool, writesAtOnce: Bool, timeout: Duration?,
        endsOnRefusal: Bool,
        encode: @Sendable (inout ByteBuffer) -> Void
    ) {
        let terms = Pipeline.Terms(
            replies: replies, isBatch: isBatch,
            timeout: timeout.map { TimeAmount($0).nanoseconds } ?? commandTimeout,
            // A command with its own timeout also waits that long for an unavailable server.
            offlineTimeout: timeout == nil ? offlineTimeout : nil, endsOnRefusal: endsOnRefusal)
        // Under the lock, a cancellation comes either before this check or in cancel(id:) after it.
        let submission = state.withLock {
            $0.pipeline.submit(
                id: id, waiter: waiter, terms: terms, isCancelled: Task.isCancelled, now: now(), encode: encode)
        }
        switch submission {
        case .refused(let waiter, let error): waiter.fail(error)
        case .accepted(let wake, let arm):
            if arm { armTimer() }
            guard wake else { return }
            // Commands of one tick are written together. A large command is written at once, so that the server
            // processes it while the remaining tasks of this tick run.
            if writesAtOnce, loop.inEventLoop { write() } else { loop.execute { self.write() } }
        }
    }

    /// The task that waits for command `id` was cancelled.
    func cancel(id: UInt64) {
        if let delivery = state.withLock({ $0.pipeline.cancel(id: id) }) { deliver(delivery) }
    }

    /// Writes all commands collected since the last tick.
    private func write() {
        loop.assertInEventLoop()
        let (bytes, channel, isLast) = state.withLock { state in
            (state.pipeline.takeWrite(now: now()), state.channel, state.pipeline.shouldCloseLink)
        }
        guard let channel else { return }
        if let bytes { channel.writeAndFlush(bytes, promise: nil) }
        if isLast { channel.close(promise: nil) }
    }

    private func armTimer() {
        loop.scheduleTask(in: checkInterval) { self.checkDeadlines() }
    }

    private func checkDeadlines() {
        let (check, channel) = state.withLock { state in
            let check = state.pipeline.checkDeadlines(now: now())
            return (check, check.overdueLink == nil ? nil : state.channel.take())
        }
        check.deliveries.forEach(deliver)
        if let channel {
            upGauge?.record(0)
            channel.close(promise: nil)
        }
        if check.rearm { armTimer() }
    }

    private func now() -> Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }

    private func deliver(_ delivery: Pipeline.Delivery) {
        switch delivery {
        case .reply(let waiter, let value, let elapsed):
            commandTimer?.recordNanoseconds(elapsed)
            waiter.resume(value)
        case .replies(let waiter, let values, let error, let elapsed):
            if error == nil { commandTimer?.recordNanoseconds(elapsed) }
            waiter.resume(values, error: error)
        case .failure(let waiter, let error): waiter.fail(error)
        }
    }
}

// MARK: - What the connection reports

extension RedisCore {
    /// Processes replies in order.
    func receive(_ values: ArraySlice<RedisValue>) -> AfterReplies {
        let time = now()
        let (deliveries, after) = state.withLock { state -> ([Pipeline.Delivery], AfterReplies) in
            var deliveries: [Pipeline.Delivery] = []
            deliveries.reserveCapacity(values.count)
            for value in values {
                if case .error(let text) = value, text.hasPrefix("READONLY") {
                    state.pipeline.retireReadOnlyLink(now: time)
                }
                switch state.pipeline.receive(value, now: time) {
                case .nothing: break
                case .deliver(let delivery): deliveries.append(delivery)
                case .unexpected: return (deliveries, .unexpected)
                }
            }
            return (deliveries, state.pipeline.shouldCloseLink ? .close : .carryOn)
        }
        deliveries.forEach(deliver)
        return after
    }

    /// Makes a new connection the current one.
    ///
    /// - Returns: its number, or `nil` when the client has been shut down meanwhile.
    func linkReady(_ channel: any Channel, clientID: Int?) -> UInt64? {
        let ready = state.withLock { state in
            let ready = state.pipeline.linkReady()
            if ready != nil {
                state.channel = channel
                state.clientID = clientID
                state.attempt = nil
            }
            return ready
        }
        guard let ready else { return nil }
        upGauge?.record(1)
        // Deferred: the reporting handler must learn its link number first.
        if ready.wake { loop.execute { self.write() } }
        return ready.link
    }

    /// Records the loss of connection number `link`.
    func linkLost(_ link: UInt64, error: RedisError) {
        let deliveries = state.withLock { state in
            let isCurrent = state.pipeline.link == link
            if isCurrent { state.channel = nil }
            return (isCurrent, state.pipeline.linkLost(link, error: error))
        }
        if deliveries.0 { upGauge?.record(0) }
        deliveries.1.forEach(deliver)
    }

    /// Begins a connection attempt; shutting the client down ends it.
    ///
    /// - Returns: false when the client has already been shut down.
    func attemptStarted(_ promise: EventLoopPromise<Void>) -> Bool {
        state.withLock { state in
            guard state.pipeline.mode == .open else { return false }
            state.attempt = promise
            return true
        }
    }

    func connectFailed(_ error: RedisError) {
        let deliveries = state.withLock { state in
            state.attempt = nil
            return state.pipeline.connectFailed(error)
        }
        deliveries.forEach(deliver)
    }

    /// Converts a channel error.
    func connectionError(_ error: any Error, wasReady: Bool) -> RedisError {
        if let error = error as? RedisError { return error }
        let place = configuration.address
        let reason = ConnectionReason.text(error)
        return wasReady
            ? RedisError(.connectionLost, "the connection to \(place) broke: \(reason)", underlying: error)
            : RedisError(.connectionFailed, "cannot connect to \(place): \(reason)", underlying: error)
    }
}

// MARK: - Shutting down

extension RedisCore {
    /// Refuses new commands, lets commands in flight finish, then closes the connection.
    func drain() {
        let (deliveries, attempt) = state.withLock { state in
            (state.pipeline.drain(), state.attempt.take())
        }
        deliveries.forEach(deliver)
        attempt?.fail(RedisError(.closed, "the client has been shut down"))
        loop.execute { self.closeLinkIfDone() }
    }

    /// Fails all commands and closes the connection.
    func close() {
        let (deliveries, attempt, channel) = state.withLock { state in
            (state.pipeline.close(), state.attempt.take(), state.channel.take())
        }
        deliveries.forEach(deliver)
        attempt?.fail(RedisError(.closed, "the client has been shut down"))
        if let channel {
            upGauge?.record(0)
            channel.close(promise: nil)
        }
    }

    private func closeLinkIfDone() {
        let channel = state.withLock { $0.pipeline.shouldCloseLink ? $0.channel : nil }
        channel?.close(promise: nil)
    }
}
