// The wire forms of the hot path by themselves, for the tools that measure what they cost.

package import MartletRedis

/// What goes to the scripts and what comes back, as ``Queue``'s operations write and read it.
package enum WireForms {
    /// The call that pushes jobs, each judged by itself.
    package static func push(_ jobs: [NewJob], to queue: Queue) -> RedisRequest {
        .script(
            queue.store.scripts[.enqueue], keys: queue.keys.arguments, arguments: PushCall(jobs[...]).arguments)
    }

    /// The call that settles a batch.
    package static func settle(_ settlements: [Settlement], in queue: Queue) -> RedisRequest {
        .script(
            queue.store.scripts[.settle], keys: queue.keys.arguments,
            arguments: SettleBatch(settlements[...]).arguments)
    }

    /// What a claim brought.
    package static func claimed(_ reply: RedisValue) throws(QueueError) -> ClaimReply { try ClaimReply(reply) }

    /// Writes a batch of settlements and reads what became of them.
    package static func settle(_ settlements: [Settlement], reply: RedisValue) throws(QueueError) -> SettleReply {
        try SettleBatch(settlements[...]).reply(reply)
    }

    /// Writes a push and reads what became of it.
    package static func push(_ jobs: [NewJob], reply: RedisValue) throws(QueueError) -> [EnqueueVerdict] {
        try PushCall(jobs[...]).verdicts(reply)
    }
}
