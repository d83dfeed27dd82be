// All connections of one listener: how many there are and from where, which one goes when there are too many, and how much
// all of them have not read.

import CoreMetrics
import NIOCore
import Synchronization

/// The connections of a listener.
final class ConnectionTable: Sendable {
    /// What becomes of a new connection.
    enum Admission: Sendable, Equatable {
        case admitted
        /// Its address has too many, and a request is under way on each or may just come.
        case addressIsFull
        /// The server has too many, and a request is under way on each or may just come.
        case serverIsFull
        /// The same, while so many others are told so already that nothing more is kept of it.
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

    /// How many refused connections may read why at the same time.
    static let refusalLimit = 64
    /// How long a new connection is spared, in which its first head may be on its way.
    static let grace = TimeAmount.milliseconds(250)
    /// How long an answer must have waited before it is given up for another.
    static let patience = TimeAmount.seconds(1)

    private let limit: Int
    private let limitPerAddress: Int
    private let answers: ByteBudget
    private let meters: ConnectionMetrics
    private let state = Mutex(State())

    /// A table for a listener with this name.
    init(_ settings: ServerSettings, listener: String) {
        meters = ConnectionMetrics(listener: listener)
        limit = settings.maxConnections
        limitPerAddress = min(settings.maxConnectionsPerAddress, settings.maxConnections)
        answers = ByteBudget(limit: settings.answerBudget)
    }

    /// How many connections there are.
    var count: Int { state.withLock { $0.entries.count } }

    /// The bytes of large answers that clients have not read.
    var unreadBytes: Int { answers.held }

    /// Takes a connection, and closes the one that has been idle for longest where there is no room: one of the same
    /// address, when that has too many, else any.
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

    /// A connection that was not dropped is closed.
    func leave(_ link: ClientConnection, _ admission: Admission) {
        state.withLock { state in
            if admission == .admitted { state.remove(link) } else if admission != .dropped { state.refusals -= 1 }
        }
        if admission == .admitted { meters.open.decrement() }
        answers.give(link.removeAllUnread())
    }
}

/// What is counted of connections.
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
    /// Makes room for an answer, and closes those connections for it that have not read theirs for longest.
    ///
    /// - Parameter isOwed: whether the answer tells of something that was done; it is sent in any case.
    /// - Returns: whether there is room.
    func makeRoom(for count: Int, on link: ClientConnection, isOwed: Bool) -> Bool {
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
        // Who has gone meanwhile was given back before this was added.
        if link.isClosed { answers.give(link.removeAllUnread()) }
        return true
    }

    /// A client has read an answer.
    func wasRead(_ count: Int, by link: ClientConnection) { answers.give(link.removeUnread(count)) }

    private func longestUnread(but link: ClientConnection, mayBeNew: Bool) -> ClientConnection? {
        let latest = mayBeNew ? NIODeadline.distantFuture : .now() - Self.patience
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
