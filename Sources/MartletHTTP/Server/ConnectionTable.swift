// The connections of one listener: limits in total and per address, eviction of idle ones, and the budget of unread
// responses.

import CoreMetrics
import NIOCore
import Synchronization

/// The connections of a listener.
final class ConnectionTable: Sendable {
    /// The decision on a new connection.
    enum Admission: Sendable, Equatable {
        case admitted
        /// The address has too many connections, each with a request in flight or about to arrive.
        case addressIsFull
        /// The server has too many connections, each with a request in flight or about to arrive.
        case serverIsFull
        /// Refused while so many refusals are being sent that this one is closed without an answer.
        case dropped
    }

    fileprivate struct Entry {
        var link: ClientConnection
        var address: ClientAddress
    }

    fileprivate struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var counts: [ClientAddress: Int] = [:]
        var refusals = 0
    }

    /// The most refused connections that receive an answer at the same time.
    static let refusalLimit = 64
    /// How long a new connection is not evicted, since its first head may be on its way.
    static let grace = TimeAmount.milliseconds(250)
    /// How long a response must have waited before it is dropped for another.
    static let leastUnreadTime = TimeAmount.seconds(1)

    private let limit: Int
    private let limitPerAddress: Int
    private let answers: ByteBudget
    private let meters: ConnectionMetrics
    private let state = Mutex(State())

    /// Creates a table for a listener with this name.
    init(_ settings: ServerSettings, listener: String) {
        meters = ConnectionMetrics(listener: listener)
        limit = settings.maxConnections
        // The clients of a Unix socket have no address.
        let isLocal = settings.socketPath != nil
        limitPerAddress = isLocal ? limit : min(settings.maxConnectionsPerAddress, settings.maxConnections)
        answers = ByteBudget(limit: settings.answerBudget)
    }

    /// The number of connections.
    var count: Int { state.withLock { $0.entries.count } }

    /// The bytes of large unread responses.
    var unreadBytes: Int { answers.held }

    /// Adds a connection; at the limit, closes the one that has been idle longest: of the same address, if that has too
    /// many, otherwise any.
    func admit(_ link: ClientConnection, from address: ClientAddress) -> Admission {
        let (admission, evicted) = state.withLock { state -> (Admission, ClientConnection?) in
            let addressIsFull = state.counts[address, default: 0] >= limitPerAddress
            var evicted: ClientConnection?
            if addressIsFull || state.entries.count >= limit {
                evicted = state.longestIdle { !addressIsFull || $0 == address }
                guard let evicted else {
                    guard state.refusals < Self.refusalLimit else { return (.dropped, nil) }
                    state.refusals += 1
                    return (addressIsFull ? .addressIsFull : .serverIsFull, nil)
                }
                state.remove(evicted)
            }
            state.entries[ObjectIdentifier(link)] = Entry(link: link, address: address)
            state.counts[address, default: 0] += 1
            return (.admitted, evicted)
        }
        meters.note(admission, evictedOne: evicted != nil)
        evicted?.close()
        return admission
    }

    /// Removes a closed connection.
    func leave(_ link: ClientConnection, _ admission: Admission) {
        state.withLock { state in
            if admission == .admitted { state.remove(link) } else if admission != .dropped { state.refusals -= 1 }
        }
        if admission == .admitted { meters.open.decrement() }
        answers.give(link.removeAllUnread())
    }
}

/// The metrics of connections.
private struct ConnectionMetrics: Sendable {
    let open: Meter
    let unread = Self.cut("unread")
    private let idle = Self.cut("idle")
    private let addressIsFull = Self.cut("address-full")
    private let serverIsFull = Self.cut("server-full")

    init(listener: String) {
        open = Meter(label: "martlet_http_connections", dimensions: [("listener", listener)])
    }

    private static func cut(_ reason: String) -> Counter {
        Counter(label: "martlet_http_connections_cut_total", dimensions: [("reason", reason)])
    }

    func note(_ admission: ConnectionTable.Admission, evictedOne: Bool) {
        if evictedOne { idle.increment() }
        switch admission {
        case .admitted: open.increment()
        case .addressIsFull: addressIsFull.increment()
        case .serverIsFull, .dropped: serverIsFull.increment()
        }
    }
}

// MARK: - Unread answers

extension ConnectionTable {
    /// Reserves memory for a response, closing the connections with the longest unread ones if necessary.
    ///
    /// - Parameter isOwed: whether the response reports a completed write; it is sent in any case.
    /// - Returns: whether the response may be sent.
    func reserve(for count: Int, on link: ClientConnection, isOwed: Bool) -> Bool {
        while !answers.take(count) {
            guard let slowest = longestUnread(but: link, mayBeNew: isOwed) else {
                guard isOwed else { return false }
                answers.takeAnyway(count)
                break
            }
            answers.give(slowest.removeAllUnread())
            meters.unread.increment()
            slowest.close()
        }
        link.addUnread(count)
        // A connection that closed meanwhile had been released before this was added.
        if link.isClosed { answers.give(link.removeAllUnread()) }
        return true
    }

    /// A client has read a response.
    func wasRead(_ count: Int, by link: ClientConnection) { answers.give(link.removeUnread(count)) }

    private func longestUnread(but link: ClientConnection, mayBeNew: Bool) -> ClientConnection? {
        let latest = mayBeNew ? NIODeadline.distantFuture : .now() - Self.leastUnreadTime
        let waiting = state.withLock { state in state.entries.values.map(\.link) }
            .filter { $0 !== link }
            .compactMap { link in link.unreadSince.map { (link: link, since: $0) } }
        return waiting.filter { $0.since <= latest }.min { $0.since < $1.since }?.link
    }
}

extension ConnectionTable.State {
    fileprivate func longestIdle(_ isMeant: (ClientAddress) -> Bool) -> ClientConnection? {
        let now = NIODeadline.now()
        var found: (link: ClientConnection, since: NIODeadline)?
        for entry in entries.values where isMeant(entry.address) {
            guard let since = entry.link.idleSince, since <= now, since < found?.since ?? .distantFuture else {
                continue
            }
            found = (entry.link, since)
        }
        return found?.link
    }

    fileprivate mutating func remove(_ link: ClientConnection) {
        guard let entry = entries.removeValue(forKey: ObjectIdentifier(link)) else { return }
        let left = counts[entry.address, default: 1] - 1
        counts[entry.address] = left > 0 ? left : nil
    }
}
