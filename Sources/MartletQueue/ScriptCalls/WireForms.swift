// The wire formats of the hot path, for tools that measure their cost.

package import MartletRedis

/// The requests and replies of the scripts, as ``Queue``'s operations write and read them.
package enum WireForms {
    /// The call that pushes jobs one by one.
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

    /// Parses the reply to a turn.
    package static func turn(
        _ settlements: [Settlement], claim: ClaimRequest?, reply: RedisValue
    ) throws(QueueError) -> TurnReply {
        try TurnCall(settlements[...], claim: claim).reply(reply)
    }

    /// Encodes a push and parses its reply.
    package static func push(_ jobs: [NewJob], reply: RedisValue) throws(QueueError) -> [EnqueueVerdict] {
        try PushCall(jobs[...]).verdicts(reply)
    }
}
