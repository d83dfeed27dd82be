// The wire forms of the hot path by themselves, for the tools that measure what they cost.

package import MartletRedis

/// What goes to the scripts and what comes back, as ``Queue``'s operations write and read it.
package enum WireForms {
    /// The call that pushes jobs, each judged by itself.
    package static func push(_ jobs: [NewJob], to queue: Queue) -> RedisRequest {
        .function(
            queue.store.scripts[.enqueue], keys: queue.keys.arguments, arguments: PushCall(jobs[...]).arguments)
    }

    /// The call that settles a batch and claims again.
    package static func turn(_ settlements: [Settlement], claim: ClaimRequest?, in queue: Queue) -> RedisRequest {
        .function(
            ScriptTable.shipped[.turn], keys: queue.keys.arguments,
            arguments: TurnCall(settlements[...], claim: claim).arguments)
    }

    /// What a turn brought.
    package static func turn(
        _ settlements: [Settlement], claim: ClaimRequest?, reply: RedisValue
    ) throws(QueueError) -> TurnReply {
        try TurnCall(settlements[...], claim: claim).reply(reply)
    }

    /// Writes a push and reads what became of it.
    package static func push(_ jobs: [NewJob], reply: RedisValue) throws(QueueError) -> [EnqueueVerdict] {
        try PushCall(jobs[...]).verdicts(reply)
    }
}
