// How far a store has come: what a server remembers outside Redis, to notice when Redis has forgotten something.

import MartletRedis
import Synchronization

/// How far a queue has come.
package struct QueueMark: Sendable, Hashable, Codable {
    /// A random word, made when the queue was created; empty for queues that have none.
    package var epoch: String
    /// How many jobs were ever created.
    package var created: Int
    /// How many jobs are kept.
    package var kept: Int

    package init(epoch: String, created: Int, kept: Int) {
        self.epoch = epoch
        self.created = created
        self.kept = kept
    }
}

/// How far a store has come, at one look.
package struct StoreMarks: Sendable, Equatable {
    /// A random word, made with the store's first queue; empty when there is none.
    package var epoch: String
    /// How many queues were ever registered.
    package var registered: Int
    /// All registered queues; `nil` for one that has no data.
    package var queues: [String: QueueMark?]

    package init(epoch: String, registered: Int, queues: [String: QueueMark?]) {
        self.epoch = epoch
        self.registered = registered
        self.queues = queues
    }
}

/// What this process was told of a queue in the answers to its pushes.
package struct PushMarks: Sendable, Equatable {
    /// The highest number of jobs ever created that an answer named.
    package var acknowledged: Int
    /// By how much an answer lay below one that had been there before its push was sent; 0 as long as none did.
    package var missing: Int

    package init(acknowledged: Int, missing: Int) {
        self.acknowledged = acknowledged
        self.missing = missing
    }
}

extension JobStore {
    /// How far all queues have come; two round trips.
    package func marks() async throws(QueueError) -> StoreMarks {
        // The registry's own numbers first: a queue that comes or goes meanwhile is then seen the next time.
        let head = await send([.command("HMGET", globalKey, "epoch", "registered"), .command("SMEMBERS", queuesKey)])
        let numbers = try Self.value(head[0]).array ?? []
        let members = try Self.value(head[1]).array ?? []
        let names = members.compactMap { $0.string.flatMap { QueueName($0) } }
        let epoch = numbers.first?.string ?? ""
        var marks = StoreMarks(epoch: epoch, registered: numbers.last?.int ?? 0, queues: [:])
        let rows = await send(names.map { .command("HMGET", "\(prefix):{\($0)}:meta", "created", "deleted", "epoch") })
        for (name, row) in zip(names, rows) {
            let fields = try Self.value(row).array ?? []
            guard fields.count == 3, let created = fields[0].int else {
                marks.queues.updateValue(nil, forKey: name.description)
                continue
            }
            let kept = max(0, created - (fields[1].int ?? 0))
            let mark = QueueMark(epoch: fields[2].string ?? "", created: created, kept: kept)
            marks.queues.updateValue(mark, forKey: name.description)
        }
        return marks
    }

    /// What the answers to this process' pushes said of each queue; the second number begins again.
    package func takePushMarks() -> [String: PushMarks] {
        var marks: [String: PushMarks] = [:]
        for (name, calls) in knownCalls {
            let missing = calls.missing.exchange(0, ordering: .relaxed)
            let acknowledged = calls.acknowledged.load(ordering: .relaxed)
            if acknowledged > 0 || missing > 0 {
                marks[name.description] = PushMarks(acknowledged: acknowledged, missing: missing)
            }
        }
        return marks
    }

    /// Gives back what was taken, because Redis could not be asked.
    package func returnPushMarks(_ marks: [String: PushMarks]) {
        for (name, calls) in knownCalls {
            if let mark = marks[name.description] { calls.missing.max(mark.missing, ordering: .relaxed) }
        }
    }

    /// Gives the registry of queues an identity where it has none yet.
    package func identify() async throws(QueueError) {
        _ = try Self.value(await send([.command("HSETNX", globalKey, "epoch", Self.newEpoch())])[0])
    }

    /// A word that no other store or queue has.
    static func newEpoch() -> String { String(UInt64.random(in: 0 ... .max), radix: 36) }

    /// Begins again for a queue that Redis knows another way: nothing more is known of it than this count.
    package func restartPushMarks(of name: String, at created: Int) {
        for (known, calls) in knownCalls where known.description == name {
            calls.acknowledged.store(created, ordering: .relaxed)
            calls.missing.store(0, ordering: .relaxed)
        }
    }

    private func send(_ requests: [RedisRequest]) async -> [Result<RedisValue, RedisError>] {
        await redis.send(requests)
    }

    private static func value(_ result: Result<RedisValue, RedisError>) throws(QueueError) -> RedisValue {
        do throws(RedisError) { return try result.get() } catch { throw QueueError(error) }
    }
}

extension QueueCalls {
    /// How far the queue had come by the answers so far.
    var reached: Int { acknowledged.load(ordering: .relaxed) }

    /// Takes note of the answer to a push.
    ///
    /// - Parameters:
    ///   - created: how many jobs were ever created, as the answer says; 0 when the push created none.
    ///   - born: how many of them this push created.
    ///   - floor: what was acknowledged before the push was sent. Redis counts upwards, so an answer below it shows that
    ///     Redis has forgotten something in between, whatever other processes did meanwhile.
    func note(created: Int, born: Int, after floor: Int) {
        guard created > 0 else { return }
        let before = created - born
        guard before < floor else {
            acknowledged.max(created, ordering: .relaxed)
            return
        }
        missing.max(floor - before, ordering: .relaxed)
        acknowledged.store(created, ordering: .relaxed)
    }
}
