// The look at a Redis that has come back: has it forgotten pushes that were answered?

import MartletRedis
import Synchronization

/// The queues that a store was asked for, with what their callers share.
///
/// Apart from the store, since the connections look at it too. Names that were only read are forgotten when there are many:
/// anybody may ask for a queue by any name.
final class KnownQueues: Sendable {
    /// From how many on those are forgotten to which nothing was pushed.
    static let bound = 1024

    private struct State {
        var calls: [QueueName: QueueCalls] = [:]
        /// How many there may be before the next look at all of them.
        var most = KnownQueues.bound
    }

    private let state = Mutex(State())

    var all: [QueueName: QueueCalls] { state.withLock { $0.calls } }

    /// What the callers of a queue share; made when it is first asked for.
    ///
    /// Callers of a queue that was forgotten meanwhile keep what they have and share no batches with those who come later.
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

    /// Asks how far the queues have come to which pushes were answered; `nil` where there were none.
    ///
    /// Pushes that wait for the connection do not count yet then. Their answers alone would not tell: they were made, and
    /// with them what they are compared with, maybe before others were answered that are lost now.
    func initialRequests() -> InitialRequests? {
        let known = all.values.map { (calls: $0, floor: $0.reached) }.filter { $0.floor.created > 0 }
        guard !known.isEmpty else { return nil }
        let requests = known.map { RedisRequest.command("HGET", $0.calls.keys.meta, "created") }
        return InitialRequests([.command("HELLO", "2")] + requests) { replies in
            // A replica may be behind without anything being lost; a server that does not say what it is may be one.
            guard replies.count == known.count + 1, Self.isPrimary(replies[0]) else { return }
            for (queue, reply) in zip(known, replies.dropFirst()) {
                guard let created = Self.created(reply) else { continue }
                queue.calls.begin(at: created, after: queue.floor)
            }
        }
    }

    private static func isPrimary(_ hello: RedisValue) -> Bool { role(hello) == "master" }

    /// The role of a server in a replication, as it says in its answer to `HELLO`; `nil` when it does not say.
    static func role(_ hello: RedisValue) -> String? {
        let words = hello.array ?? []
        guard let place = words.firstIndex(where: { $0.string == "role" }), place + 1 < words.count else { return nil }
        return words[place + 1].string
    }

    /// How many jobs were created; none in a queue that is not there.
    private static func created(_ reply: RedisValue) -> Int? {
        if case .null = reply { return 0 }
        return reply.int?.asLedgerCount
    }
}
