// The pure machine of a client's commands: from being sent to being answered, over many connections. No I/O, no clock.

import DequeModule
import NIOCore

/// Every command of a client: those whose bytes wait to be written, and those that wait for their replies, in order.
///
/// Events come in as methods; what has to be done comes back as values. A waiter is handed out exactly once: it is in
/// `pending`, in `written`, or has been returned in a ``Delivery``. Times are monotonic nanoseconds.
struct CommandPipeline<Waiter: Sendable>: ~Copyable, Sendable {
    /// A command, or a batch of commands with one waiter.
    struct Entry: Sendable {
        let id: UInt64
        /// Who waits; `nil` when they gave up.
        var waiter: Waiter?
        let isBatch: Bool
        /// How many replies are still to come.
        var missing: Int
        let byteCount: Int
        let timeout: Int64
        /// While pending: until when to wait for a connection after an attempt to make one has failed.
        let offlineDeadline: Int64
        /// While pending: until when to wait for a connection.
        ///
        /// When written: until when the reply must be there.
        var deadline: Int64
        /// Whether a refused log-in ends the waiting at once.
        let endsOnRefusal: Bool
    }

    /// What a waiter gets.
    enum Delivery: Sendable {
        /// The reply to a command. `elapsed` is the time since it was written.
        case reply(Waiter, RedisValue, elapsed: Int64)
        /// The replies to a batch; when `error` is set, the rest of the batch has no replies because of it.
        case replies(Waiter, [RedisValue], error: RedisError?, elapsed: Int64)
        /// No reply, because of this error.
        case failure(Waiter, RedisError)
    }

    enum Mode: Sendable { case open, draining, closed }

    private(set) var mode = Mode.open
    /// The number of the present connection; `nil` when there is none.
    private(set) var link: UInt64?
    private var links: UInt64 = 0
    private var isRetiring = false
    private var isWriteScheduled = false
    private var isTimerArmed = false

    private var outgoing = ByteBuffer()
    private var usualWriteSize = 512
    private var pending: [Entry] = []
    private var hasAbandonedBytes = false
    private var written: Deque<Entry> = []
    /// The replies of the batch at the head of `written` that have come so far.
    private var partial: [RedisValue] = []
    /// Why the last attempt to connect failed.
    private(set) var lastFailure: RedisError?

    var isIdle: Bool { pending.isEmpty && written.isEmpty }
    var pendingCount: Int { pending.count }
    var writtenCount: Int { written.count }
}

// MARK: - Sending

extension CommandPipeline {
    /// How a command wants to be treated.
    struct Terms: Sendable {
        var replies = 1
        var isBatch = false
        var timeout: Int64
        /// How long to wait for a connection once an attempt to make one has failed; `nil` is `timeout`.
        var offlinePatience: Int64?
        var endsOnRefusal = false
    }

    /// What follows from a new command.
    enum Submission: Sendable {
        /// It waits. `wake`: schedule a call of ``takeWrite(now:)``; `arm`: schedule one of ``checkDeadlines(now:)``.
        case accepted(wake: Bool, arm: Bool)
        case refused(Waiter, RedisError)
    }

    /// A new command; `encode` appends its bytes.
    mutating func submit(
        id: UInt64, waiter: Waiter, terms: Terms, isCancelled: Bool, now: Int64,
        encode: @Sendable (inout ByteBuffer) -> Void
    ) -> Submission {
        if isCancelled { return .refused(waiter, Self.cancelled(.notExecuted)) }
        guard mode == .open else { return .refused(waiter, Self.closed()) }
        if pending.isEmpty { outgoing.reserveCapacity(usualWriteSize) }
        let start = outgoing.writerIndex
        encode(&outgoing)
        pending.append(
            Entry(
                id: id, waiter: waiter, isBatch: terms.isBatch, missing: terms.replies,
                byteCount: outgoing.writerIndex - start, timeout: terms.timeout,
                offlineDeadline: now + (terms.offlinePatience ?? terms.timeout), deadline: now + terms.timeout,
                endsOnRefusal: terms.endsOnRefusal))
        let arm = !isTimerArmed
        isTimerArmed = true
        return .accepted(wake: scheduleWrite(), arm: arm)
    }

    /// Everything that waits to be written, as one buffer; from now on it counts as written.
    mutating func takeWrite(now: Int64) -> ByteBuffer? {
        isWriteScheduled = false
        guard link != nil, !isRetiring, !pending.isEmpty else { return nil }
        let buffer = takeBytes()
        usualWriteSize = min(max(buffer.readableBytes, 512), 64 * 1024)
        for var entry in pending where entry.waiter != nil {
            entry.deadline = now + entry.timeout
            written.append(entry)
        }
        pending.removeAll(keepingCapacity: true)
        return buffer.readableBytes > 0 ? buffer : nil
    }

    private mutating func scheduleWrite() -> Bool {
        guard link != nil, !isRetiring, !isWriteScheduled, !pending.isEmpty else { return false }
        isWriteScheduled = true
        return true
    }

    /// The pending bytes without those of abandoned commands, which must not be executed any more.
    private mutating func takeBytes() -> ByteBuffer {
        var all = outgoing
        outgoing = ByteBuffer()
        guard hasAbandonedBytes else { return all }
        hasAbandonedBytes = false
        var kept = ByteBuffer()
        for entry in pending {
            guard var bytes = all.readSlice(length: entry.byteCount), entry.waiter != nil else { continue }
            kept.writeBuffer(&bytes)
        }
        return kept
    }

    /// Drops the pending commands that nobody waits for any more, with their bytes.
    private mutating func compactPending() {
        guard hasAbandonedBytes else { return }
        outgoing = takeBytes()
        pending.removeAll { $0.waiter == nil }
    }
}

// MARK: - Replies

extension CommandPipeline {
    /// What follows from a reply.
    enum Receipt: Sendable {
        /// More replies are needed, or nobody waits for this one.
        case nothing
        case deliver(Delivery)
        /// A reply that nobody asked for: the connection cannot be trusted any more.
        case unexpected
    }

    /// The next reply on the connection.
    mutating func receive(_ value: RedisValue, now: Int64) -> Receipt {
        guard !written.isEmpty else { return .unexpected }
        written[0].missing -= 1
        let isLast = written[0].missing == 0
        if written[0].isBatch, written[0].waiter != nil { partial.append(value) }
        guard isLast else { return .nothing }
        let entry = written.removeFirst()
        guard let waiter = entry.waiter else { return .nothing }
        let elapsed = now - (entry.deadline - entry.timeout)
        guard entry.isBatch else { return .deliver(.reply(waiter, value, elapsed: elapsed)) }
        defer { partial = [] }
        return .deliver(.replies(waiter, partial, error: nil, elapsed: elapsed))
    }

    /// Whether the connection has nothing left to do and should be closed: on shutdown, or to look for a new primary.
    var shouldCloseLink: Bool {
        guard link != nil, written.isEmpty else { return false }
        return isRetiring || (mode == .draining && pending.isEmpty)
    }

    /// Writes nothing more on this connection; when the last reply is there, it is closed and a new one made.
    mutating func retireLink() {
        guard link != nil else { return }
        isRetiring = true
    }
}

// MARK: - Connections

extension CommandPipeline {
    /// A connection is ready.
    ///
    /// - Returns: its number, and whether to schedule a write; `nil` when the client has been shut down meanwhile.
    mutating func linkReady() -> (link: UInt64, wake: Bool)? {
        guard mode == .open, link == nil else { return nil }
        links += 1
        link = links
        lastFailure = nil
        isRetiring = false
        isWriteScheduled = false
        return (links, scheduleWrite())
    }

    /// A connection is gone; a late report about an older one changes nothing.
    mutating func linkLost(_ lost: UInt64, error: RedisError) -> [Delivery] {
        guard link == lost else { return [] }
        link = nil
        var deliveries: [Delivery] = []
        for entry in written {
            guard let waiter = entry.waiter else { continue }
            // Only the batch at the head can have replies.
            guard entry.isBatch, !partial.isEmpty else {
                deliveries.append(.failure(waiter, error))
                continue
            }
            deliveries.append(.replies(waiter, partial, error: error, elapsed: 0))
            partial = []
        }
        written.removeAll()
        partial = []
        if mode == .draining { deliveries += close() }
        return deliveries
    }

    /// An attempt to connect failed.
    ///
    /// A refused log-in ends the waiting of those who asked for that.
    mutating func connectFailed(_ error: RedisError) -> [Delivery] {
        lastFailure = error
        guard error.code == .authentication else { return [] }
        return failPending({ $0.endsOnRefusal }, error: error)
    }

    private mutating func failPending(_ matches: (Entry) -> Bool, error: RedisError) -> [Delivery] {
        var deliveries: [Delivery] = []
        for index in pending.indices where matches(pending[index]) {
            guard let waiter = pending[index].waiter.take() else { continue }
            hasAbandonedBytes = true
            deliveries.append(.failure(waiter, error))
        }
        compactPending()
        return deliveries
    }
}

// MARK: - Giving up

extension CommandPipeline {
    /// What follows from looking at the clock.
    struct Check: Sendable {
        var deliveries: [Delivery] = []
        /// The connection to close because its oldest command got no reply in time.
        var overdueLink: UInt64?
        /// Whether to look again later.
        var rearm = false
    }

    /// Looks for commands that have waited too long: pending ones one by one, written ones by the head of the queue.
    mutating func checkDeadlines(now: Int64) -> Check {
        var check = Check()
        let isOffline = link == nil && lastFailure != nil
        check.deliveries = failPending(
            { $0.deadline <= now || (isOffline && $0.offlineDeadline <= now) }, error: notConnected())
        if let link, let head = written.first, head.deadline <= now {
            check.overdueLink = link
            let error = RedisError(.timeout, "no reply came within \(Duration.nanoseconds(head.timeout))")
            check.deliveries += linkLost(link, error: error)
        }
        isTimerArmed = !isIdle
        check.rearm = isTimerArmed
        return check
    }

    /// Someone gave up waiting.
    ///
    /// The connection and all others are not touched.
    mutating func cancel(id: UInt64) -> Delivery? {
        if let index = pending.lastIndex(where: { $0.id == id }) {
            guard let waiter = pending[index].waiter.take() else { return nil }
            // The bytes go at the next write or check: thousands can give up at once.
            hasAbandonedBytes = true
            return .failure(waiter, Self.cancelled(.notExecuted))
        }
        guard let index = written.lastIndex(where: { $0.id == id }),
            let waiter = written[index].waiter.take()
        else { return nil }
        if index == written.startIndex { partial = [] }
        return .failure(waiter, Self.cancelled(.unknown))
    }

    /// Takes no new commands, and finishes those that are under way if there is a connection.
    mutating func drain() -> [Delivery] {
        guard mode == .open else { return [] }
        mode = .draining
        return link == nil ? close() : []
    }

    /// Ends everything at once.
    mutating func close() -> [Delivery] {
        mode = .closed
        var deliveries = failPending({ _ in true }, error: Self.closed())
        if let link {
            deliveries += linkLost(link, error: RedisError(.closed, "the client was shut down", outcome: .unknown))
        }
        return deliveries
    }

    private func notConnected() -> RedisError {
        let why = lastFailure.map { ": \($0.message)" } ?? ""
        return RedisError(.notConnected, "there was no connection in time\(why)", underlying: lastFailure)
    }

    private static func closed() -> RedisError { RedisError(.closed, "the client has been shut down") }

    private static func cancelled(_ outcome: RedisError.Outcome) -> RedisError {
        RedisError(.cancelled, "the waiting task was cancelled", outcome: outcome)
    }
}
