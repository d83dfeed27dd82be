// Reads the audit trails of queues as one, newest entries first.

package import FoundationEssentials
import MartletRedis

/// A walk through the trails of some queues and through that of no single queue, from new entries to old ones.
///
/// Each trail is read a page at a time, and only when its last page is used up: a page of entries costs one round trip for
/// all trails, and one more for each of them that has many entries.
package struct TrailReader: Sendable {
    /// One trail: what was read of it and not handed out yet.
    private struct Source: Sendable {
        let key: String
        let trail: String
        var entries: ArraySlice<TrailEntry> = []
        /// The newest place that was not read yet, as `XREVRANGE` takes it; `nil` at the end.
        var next: String?

        var head: TrailPosition {
            entries.first?.position ?? TrailPosition(milliseconds: 0, number: 0, trail: "")
        }
    }

    /// How many entries are read of a trail at a time.
    private static let page = 100

    private let store: JobStore
    private let oldest: String
    private var sources: [Source]
    private var hasBegun = false

    /// Creates a walk.
    ///
    /// - Parameters:
    ///   - store: the store.
    ///   - queues: the queues whose trails are read besides that of no single queue.
    ///   - position: the walk begins behind this entry; at the newest one without it.
    ///   - from: no entry before this moment is read.
    ///   - to: no entry at this moment or later is read.
    package init(_ store: JobStore, queues: [QueueName], after position: TrailPosition?, from: Date?, to: Date?) {
        self.store = store
        oldest = from.map { "\($0.roundedUpMilliseconds)" } ?? "-"
        // The last one before this moment.
        let newest = to.map { "(\($0.roundedUpMilliseconds)-0" } ?? "+"
        let trails = [("", store.trailKey)] + queues.map { ("\($0)", store.queue($0).keys.trail) }
        sources = trails.map { trail, key in
            Source(key: key, trail: trail, next: position.map { Self.start(trail, behind: $0) } ?? newest)
        }
    }

    /// Where a trail goes on behind an entry: one of the same moment is read later if its trail's name is greater.
    private static func start(_ trail: String, behind position: TrailPosition) -> String {
        let id = "\(position.milliseconds)-\(position.number)"
        return trail > position.trail ? id : "(" + id
    }

    /// The next entry; `nil` at the end.
    ///
    /// - Throws: ``QueueError``.
    package mutating func next() async throws(QueueError) -> TrailEntry? {
        let size = hasBegun ? Self.page : max(1, min(Self.page, 1000 / sources.count))
        hasBegun = true
        try await fill(sources.indices.filter { sources[$0].entries.isEmpty && sources[$0].next != nil }, size)
        let filled = sources.indices.filter { !sources[$0].entries.isEmpty }
        guard let place = filled.min(by: { sources[$0].head < sources[$1].head }) else { return nil }
        return sources[place].entries.popFirst()
    }

    /// Reads a page of each of these trails, all in one write.
    private mutating func fill(_ places: [Int], _ size: Int) async throws(QueueError) {
        guard !places.isEmpty else { return }
        let requests = places.map { place in
            RedisRequest.command(
                "XREVRANGE", sources[place].key, sources[place].next ?? "+", oldest, "COUNT", "\(size)")
        }
        for (place, reply) in zip(places, await store.redis.send(requests)) {
            let rows: [RedisValue]
            do throws(RedisError) { rows = try reply.get().array ?? [] } catch { throw QueueError(error) }
            let trail = sources[place].trail
            sources[place].entries = rows.compactMap { TrailEntry($0, trail: trail) }[...]
            let last = rows.count < size ? nil : rows.last?.array?.first?.string
            sources[place].next = last.map { "(" + $0 }
        }
        // A page may have nothing that this version understands.
        let empty = places.filter { sources[$0].entries.isEmpty && sources[$0].next != nil }
        if !empty.isEmpty { try await fill(empty, size) }
    }
}
