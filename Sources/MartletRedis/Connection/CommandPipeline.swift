// The state machine of a client's commands, from submission to reply, across connections. Pure.

import DequeModule
import NIOCore

/// The commands of a client: those waiting to be written and those waiting for replies, in order.
///
/// Events are method calls; the resulting actions are return values. A waiter is returned exactly once: it is in
/// `pending`, in `written`, or in a returned ``Delivery``. Times are monotonic nanoseconds.
struct CommandPipeline<Waiter: Sendable>: ~Copyable, Sendable {
    /// A command, or a batch of commands with one waiter.
    struct Entry: Sendable {
        let id: UInt64
        /// The waiting task; `nil` after a cancellation.
        var waiter: Waiter?
        let isBatch: Bool
        /// The number of outstanding replies.
        var missing: Int
        let byteCount: Int
        let timeout: Int64
        /// While pending: how long to wait for a connection after an attempt has failed.
        let offlineDeadline: Int64
        /// While pending, how long to wait for a connection; once written, the deadline of the reply.
        var deadline: Int64
        /// Whether refused credentials end the wait at once.
        let endsOnRefusal: Bool
    }

    /// The result for a waiter.
    enum Delivery: Sendable {
        /// The reply to a command; `elapsed` is the time since it was written.
        case reply(Waiter, RedisValue, elapsed: Int64)
        /// The replies to a batch; if `error` is set, it explains why the rest are missing.
        case replies(Waiter, [RedisValue], error: RedisError?, elapsed: Int64)
        /// An error instead of a reply.
        case failure(Waiter, RedisError)
    }

    enum Mode: Sendable { case open, draining, closed }

    private(set) var mode = Mode.open
    /// The number of the current connection; `nil` without one.
    private(set) var link: UInt64?
    private var links: UInt64 = 0
    private var isRetiring = false
    private var replacements = ReplacementPace()
    private var isWriteScheduled = false
    private var isTimerArmed = false

    private var outgoing = ByteBuffer()
    private var usualWriteSize = 512
    private var pending: [Entry] = []
    private var hasAbandonedBytes = false
    private var written: Deque<Entry> = []
    /// The replies received for the batch at the head of `written`.
    private var partial: [RedisValue] = []
    /// Why the last connection attempt failed.
    private(set) var lastFailure: RedisError?

    var isIdle: Bool { pending.isEmpty && written.isEmpty }
    var pendingCount: Int { pending.count }
    var writtenCount: Int { written.count }
}

// MARK: - Sending

extension CommandPipeline {
    /// The timeouts and reply count of a command.
    struct Terms: Sendable {
        var replies = 1
        var isBatch = false
        var timeout: Int64
        /// How long to wait for a connection after an attempt has failed; `nil` means `timeout`.
        var offlineTimeout: Int64?
        var endsOnRefusal = false
    }

    /// The effect of a new command.
    enum Submission: Sendable {
        /// The command waits.
        ///
        /// `wake`: schedule ``takeWrite(now:)``; `arm`: schedule ``checkDeadlines(now:)``.
        case accepted(wake: Bool, arm: Bool)
        case refused(Waiter, RedisError)
    }

    /// Adds a command; `encode` appends its bytes.
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
                offlineDeadline: now + (terms.offlineTimeout ?? terms.timeout), deadline: now + terms.timeout,
                endsOnRefusal: terms.endsOnRefusal))
        let arm = !isTimerArmed
        isTimerArmed = true
        return .accepted(wake: scheduleWrite(), arm: arm)
    }

    /// Takes everything that waits to be written as one buffer and marks it as written.
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

    /// The pending bytes without those of cancelled commands, which must not be executed.
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

    /// Drops cancelled pending commands and their bytes.
    private mutating func compactPending() {
        guard hasAbandonedBytes else { return }
        outgoing = takeBytes()
        pending.removeAll { $0.waiter == nil }
    }
}

// MARK: - Replies

extension CommandPipeline {
    /// The effect of a reply.
    enum Receipt: Sendable {
        /// More replies are outstanding, or the waiter was cancelled.
        case nothing
        case deliver(Delivery)
        /// A reply without a command; the connection can no longer be trusted.
        case unexpected
    }

    /// Processes the next reply on the connection.
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

    /// Whether the connection is idle and should be closed: on shutdown, or to reconnect to a new primary.
    var shouldCloseLink: Bool {
        guard link != nil, written.isEmpty else { return false }
        return isRetiring || (mode == .draining && pending.isEmpty)
    }

    /// The server is a replica: stops writing on this connection; after its last reply it is closed and replaced.
    ///
    /// The address may have moved to the primary. Where it still leads to a replica, later replacements wait longer, so
    /// that reads, which a replica answers, go on meanwhile.
    mutating func retireReadOnlyLink(now: Int64) {
        guard link != nil, !isRetiring, replacements.isDue(now: now) else { return }
        isRetiring = true
    }
}

// MARK: - Connections

extension CommandPipeline {
    /// Records a ready connection.
    ///
    /// - Returns: its number and whether to schedule a write; `nil` when the client has been shut down.
    mutating func linkReady() -> (link: UInt64, wake: Bool)? {
        guard mode == .open, link == nil else { return nil }
        links += 1
        link = links
        lastFailure = nil
        isRetiring = false
        isWriteScheduled = false
        return (links, scheduleWrite())
    }

    /// Records the loss of a connection; a late report about an older one has no effect.
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

    /// Records a failed connection attempt.
    ///
    /// Refused credentials end the waits that asked for it.
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
    /// The effect of a deadline check.
    struct Check: Sendable {
        var deliveries: [Delivery] = []
        /// The connection to close because its oldest command timed out.
        var overdueLink: UInt64?
        /// Whether to schedule another check.
        var rearm = false
    }

    /// Finds commands past their deadline: each pending one, and the head of the written ones.
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

    /// Cancels a wait without affecting the connection or other commands.
    mutating func cancel(id: UInt64) -> Delivery? {
        if let index = pending.lastIndex(where: { $0.id == id }) {
            guard let waiter = pending[index].waiter.take() else { return nil }
            // The bytes are removed at the next write or check, since thousands may be cancelled at once.
            hasAbandonedBytes = true
            return .failure(waiter, Self.cancelled(.notExecuted))
        }
        guard let index = written.lastIndex(where: { $0.id == id }),
            let waiter = written[index].waiter.take()
        else { return nil }
        if index == written.startIndex { partial = [] }
        return .failure(waiter, Self.cancelled(.unknown))
    }

    /// Refuses new commands; commands in flight finish if there is a connection.
    mutating func drain() -> [Delivery] {
        guard mode == .open else { return [] }
        mode = .draining
        return link == nil ? close() : []
    }

    /// Fails all commands.
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
