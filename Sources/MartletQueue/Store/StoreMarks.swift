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
    /// The same as `acknowledged` when Redis had answered; what came between counts only where no answer lay below.
    package var latest: Int

    package init(acknowledged: Int, missing: Int, latest: Int? = nil) {
        self.acknowledged = acknowledged
        self.missing = missing
        self.latest = latest ?? acknowledged
    }
}

/// How far a queue had come when a push was sent.
struct PushFloor: Sendable {
    /// How many jobs an answer had named.
    var created = 0
    /// How often its count had begun again.
    var generation = 0
}

extension JobStore {
    /// How far all queues have come; two round trips.
    package func marks() async throws(QueueError) -> StoreMarks {
        // Again only when Redis has lost its registry in between, which does not happen twice in a row.
        while true {
            if let marks = try await marksOfOneRegistry() { return marks }
        }
    }

    /// The same; `nil` when the registry was replaced while its queues were read, so that a queue that was lost with it
    /// would look like a deleted one.
    private func marksOfOneRegistry() async throws(QueueError) -> StoreMarks? {
        // The registry's own numbers first: a queue that comes or goes meanwhile is then seen the next time.
        let room: [RedisRequest] = memory.isOn ? [.command("INFO", "memory")] : []
        let head = await send([registryRequest, .command("SMEMBERS", queuesKey)] + room)
        // Who may not ask for it is left to Redis' own limit.
        if head.count > 2, let info = try? head[2].get() { memory.note(info.informationFields) }
        let names = (try Self.value(head[1]).array ?? []).compactMap { $0.string.flatMap { QueueName($0) } }
        var marks = try Self.registryMarks(head[0])
        var empty = try await read(names, into: &marks)
        // A deletion takes the name out of the registry before the data goes, and a creation puts it in before the data
        // comes. So a name without data is looked at again: most often there is none.
        for attempt in 0..<5 where !empty.isEmpty {
            if attempt > 0 { try? await Task.sleep(for: .milliseconds(10)) }
            let replies = await send(
                empty.map { .command("SISMEMBER", queuesKey, $0.description) } + [registryRequest])
            let registry = try Self.registryMarks(replies[empty.count])
            guard registry.epoch == marks.epoch, registry.registered >= marks.registered else { return nil }
            var registered: [QueueName] = []
            for (name, isMember) in zip(empty, replies) {
                if try Self.value(isMember).int == 1 {
                    registered.append(name)
                } else {
                    marks.queues.removeValue(forKey: name.description)
                }
            }
            empty = try await read(registered, into: &marks)
        }
        return marks
    }

    private var registryRequest: RedisRequest { .command("HMGET", globalKey, "epoch", "registered") }

    /// What the registry says of itself, without its queues.
    private static func registryMarks(_ reply: Result<RedisValue, RedisError>) throws(QueueError) -> StoreMarks {
        let fields = try value(reply).array ?? []
        return StoreMarks(epoch: fields.first?.string ?? "", registered: fields.last?.int ?? 0, queues: [:])
    }

    /// Reads how far these queues have come; answers those that have no data.
    private func read(_ names: [QueueName], into marks: inout StoreMarks) async throws(QueueError) -> [QueueName] {
        let rows = await send(names.map { .command("HMGET", "\(prefix):{\($0)}:meta", "created", "deleted", "epoch") })
        var empty: [QueueName] = []
        for (name, row) in zip(names, rows) {
            let mark = try Self.mark(row)
            if mark == nil { empty.append(name) }
            marks.queues.updateValue(mark, forKey: name.description)
        }
        return empty
    }

    /// How far a queue has come; `nil` when it has no data, or a key of another type in its place.
    private static func mark(_ row: Result<RedisValue, RedisError>) throws(QueueError) -> QueueMark? {
        if case .failure(let error) = row, error.outcome == .verdict { return nil }
        let fields = try value(row).array ?? []
        guard fields.count == 3, let created = fields[0].int?.asLedgerCount else { return nil }
        let kept = max(0, created - (fields[1].int ?? 0).asLedgerCount)
        return QueueMark(epoch: fields[2].string ?? "", created: created, kept: kept)
    }

    /// How many jobs of each queue the answers to this process' pushes have named so far.
    package func acknowledgedPushes() -> [String: Int] {
        knownCalls.reduce(into: [:]) { $0[$1.key.description] = $1.value.acknowledged.load(ordering: .relaxed) }
    }

    /// What the answers to this process' pushes said of each queue; what was missing begins again.
    ///
    /// - Parameter acknowledged: what they had named before Redis was asked, since it may count more by now. What is missing
    ///   is taken behind that: a count that shows a loss often comes in the same moment as the answer that tells its size.
    package func takePushMarks(_ acknowledged: [String: Int]) -> [String: PushMarks] {
        var marks: [String: PushMarks] = [:]
        for (name, calls) in knownCalls {
            // In this order: the answer that shows a loss takes the count back to its own.
            let latest = calls.acknowledged.load(ordering: .acquiring)
            let mark = PushMarks(
                acknowledged: acknowledged[name.description] ?? 0,
                missing: calls.missing.exchange(0, ordering: .acquiringAndReleasing), latest: latest)
            if mark.acknowledged > 0 || mark.missing > 0 { marks[name.description] = mark }
        }
        return marks
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
            calls.generation.add(1, ordering: .relaxed)
            calls.acknowledged.store(created, ordering: .relaxed)
            calls.missing.store(0, ordering: .relaxed)
        }
    }

    func send(_ requests: [RedisRequest]) async -> [Result<RedisValue, RedisError>] {
        await redis.send(requests)
    }

    static func value(_ result: Result<RedisValue, RedisError>) throws(QueueError) -> RedisValue {
        do throws(RedisError) { return try result.get() } catch { throw QueueError(error) }
    }
}

extension QueueCalls {
    /// Takes note of where a queue stands when a connection begins, before anything that waits for it is sent.
    ///
    /// - Parameters:
    ///   - created: how many jobs were ever created.
    ///   - floor: what was acknowledged before Redis was asked. What is less is lost; what is pushed from now on, and what
    ///     waited, says nothing of that any more.
    func begin(at created: Int, after floor: PushFloor) {
        guard created < floor.created, floor.generation == generation.load(ordering: .relaxed) else { return }
        generation.add(1, ordering: .relaxed)
        missing.max(floor.created - created, ordering: .relaxed)
        acknowledged.store(created, ordering: .releasing)
    }

    /// How far the queue had come by the answers so far.
    var reached: PushFloor {
        PushFloor(created: acknowledged.load(ordering: .relaxed), generation: generation.load(ordering: .relaxed))
    }

    /// Takes note of the answer to a push.
    ///
    /// - Parameters:
    ///   - created: how many jobs were ever created, as the answer says; 0 when the push created none.
    ///   - born: how many of them this push created.
    ///   - floor: what was acknowledged before the push was sent. Redis counts upwards, so an answer below it shows that
    ///     Redis has forgotten something in between, whatever other processes did meanwhile.
    func note(created: Int, born: Int, after floor: PushFloor) {
        guard created > 0 else { return }
        let created = created.asLedgerCount
        let before = created - born
        // A loss that was told since the push was sent is not told again.
        let isTold = floor.generation != generation.load(ordering: .relaxed)
        guard before < floor.created, !isTold else {
            acknowledged.max(created, ordering: .relaxed)
            return
        }
        // The first such answer counts from all that was named before it, also after its push was sent.
        let isFirst = missing.load(ordering: .relaxed) == 0
        let reached = isFirst ? Swift.max(floor.created, acknowledged.load(ordering: .relaxed)) : floor.created
        missing.max(reached - before, ordering: .relaxed)
        acknowledged.store(created, ordering: .releasing)
    }
}

extension Int {
    /// The number as one of the ledger's: what no script writes is the nearest that one could, so that sums and
    /// differences stay numbers.
    var asLedgerCount: Int { Swift.min(Swift.max(self, 0), 1 << 53) }
}
