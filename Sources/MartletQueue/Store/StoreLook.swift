// Checks whether a Redis that has come back lost acknowledged pushes.

import MartletRedis
import Synchronization

/// The queues that a store has opened, with their shared state.
///
/// Separate from the store, since the connections use it too. Names that were only read are dropped when there are
/// many: anybody may ask for any name.
final class KnownQueues: Sendable {
    /// The number of names above which unused ones are dropped.
    static let bound = 1024

    private struct State {
        var calls: [QueueName: QueueCalls] = [:]
        /// The number of names at which the next clean-up happens.
        var most = KnownQueues.bound
    }

    private let state = Mutex(State())

    var all: [QueueName: QueueCalls] { state.withLock { $0.calls } }

    /// The shared state of a queue, created on first use.
    ///
    /// Callers that hold the state of a dropped queue keep it and share no batches with later callers.
    func calls(_ name: QueueName, _ make: () -> QueueCalls) -> QueueCalls {
        state.withLock { state in
            if let known = state.calls[name] { return known }
            if state.calls.count >= state.most {
                state.calls = state.calls.filter { $0.value.reached.created > 0 }
                state.most = max(Self.bound, 2 * state.calls.count)
            }
            let new = make()
            state.calls[name] = new
            return new
        }
    }

    /// The requests that compare each queue's count with the acknowledged pushes; `nil` without pushes.
    ///
    /// Pushes that wait for the connection are not counted yet. Their own replies would not be enough, since the
    /// baseline may have been recorded before others were acknowledged that are lost now.
    func initialRequests() -> InitialRequests? {
        let known = all.values.map { (calls: $0, floor: $0.reached) }.filter { $0.floor.created > 0 }
        guard !known.isEmpty else { return nil }
        let requests = known.map { RedisRequest.command("HGET", $0.calls.keys.meta, "created") }
        return InitialRequests([.command("HELLO", "2")] + requests) { replies in
            // A replica may lag behind without a loss; a server of unknown role may be one.
            guard replies.count == known.count + 1, Self.isPrimary(replies[0]) else { return }
            for (queue, reply) in zip(known, replies.dropFirst()) {
                guard let created = Self.created(reply) else { continue }
                queue.calls.begin(at: created, after: queue.floor)
            }
        }
    }

    private static func isPrimary(_ hello: RedisValue) -> Bool { role(hello) == "master" }

    /// The replication role from the reply to `HELLO`; `nil` when it is missing.
    static func role(_ hello: RedisValue) -> String? {
        let words = hello.array ?? []
        guard let place = words.firstIndex(where: { $0.string == "role" }), place + 1 < words.count else { return nil }
        return words[place + 1].string
    }

    /// The total of created jobs; 0 for a missing queue.
    private static func created(_ reply: RedisValue) -> Int? {
        if case .null = reply { return 0 }
        return reply.int?.asLedgerCount
    }
}
