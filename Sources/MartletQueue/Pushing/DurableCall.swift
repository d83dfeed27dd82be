// Several pushes merged into one script call, and the answer to each.

import MartletJobs
import MartletRedis

/// One script call for several pushes with the same queue and level.
struct DurableCall {
    let queue: Queue
    let durability: Durability
    private let jobs: [NewJob]
    /// Maps each push of the batch to its jobs in the call.
    private let members: [(index: Int, jobs: Range<Int>)]
    private let call: PushCall

    /// The calls for a batch of pushes, at most 200 jobs and about 1 MiB each unless a single push is larger.
    static func merged(_ batch: [DurablePush]) -> [DurableCall] {
        var groups: [Group] = []
        for (index, push) in batch.enumerated() {
            let bytes = push.jobs.reduce(0) { $0 + $1.wireSize }
            let fit = groups.lastIndex { $0.canTake(push, bytes) }
            if let fit {
                groups[fit].take(index, push, bytes)
            } else {
                groups.append(Group(index, push, bytes))
            }
        }
        return groups.map { DurableCall($0) }
    }

    private struct Group {
        let first: DurablePush
        var jobs: [NewJob]
        var bytes: Int
        var members: [(index: Int, jobs: Range<Int>)]

        init(_ index: Int, _ push: DurablePush, _ bytes: Int) {
            first = push
            jobs = Array(push.jobs)
            self.bytes = bytes
            members = [(index, 0..<push.jobs.count)]
        }

        func canTake(_ push: DurablePush, _ more: Int) -> Bool {
            !first.isAtomic && !push.isAtomic && first.queue.name == push.queue.name
                && first.durability == push.durability && jobs.count + push.jobs.count <= Queue.pushLimit
                && bytes + more <= Queue.pushBytes
        }

        mutating func take(_ index: Int, _ push: DurablePush, _ more: Int) {
            members.append((index, jobs.count..<jobs.count + push.jobs.count))
            jobs += push.jobs
            bytes += more
        }
    }

    private init(_ group: Group) {
        queue = group.first.queue
        durability = group.first.durability
        jobs = group.jobs
        members = group.members
        let mode = (group.first.isAtomic ? "atomic " : "each ") + String(durability.level)
        call = PushCall(group.jobs[...], mode: mode, after: queue.calls.reached)
    }

    var request: RedisRequest {
        .function(queue.store.scripts[.enqueue], keys: queue.keys.arguments, arguments: call.arguments)
    }

    /// The answer to each push.
    func answers(
        _ reply: Result<RedisValue, RedisError>, _ confirmation: Confirmation
    ) -> [(index: Int, answer: DurableConnection.Answer)] {
        do throws(QueueError) {
            let value: RedisValue
            do throws(RedisError) { value = try reply.get() } catch { throw QueueError(error) }
            if value.isNoQueue { throw .again(.afterCreatingTheQueue) }
            switch try call.result(try Queue.checked(value), noting: queue.calls) {
            case .refused(let index, let verdict):
                let refused = AtomicEnqueueResult.refused(index: index, verdict)
                return members.map { ($0.index, .success(Pushed(outcome: refused, durability: confirmation))) }
            case .accepted(let verdicts):
                return members.map { index, range in
                    let own = AtomicEnqueueResult.accepted(Array(verdicts[range]))
                    return (index, .success(Pushed(outcome: own, durability: confirmation)))
                }
            }
        } catch {
            return members.map { index, range in
                var own = error
                own.ids = jobs[range].map(\.id)
                return (index, .failure(own))
            }
        }
    }
}
