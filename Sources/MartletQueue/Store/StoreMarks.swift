// Marks of a store's progress: what a server remembers outside Redis to detect losses.

import MartletRedis
import Synchronization

/// The progress of a queue.
package struct QueueMark: Sendable, Hashable, Codable {
    /// A random text created with the queue; empty for queues without one.
    package var epoch: String
    /// The total of created jobs.
    package var created: Int
    /// The number of kept jobs.
    package var kept: Int

    package init(epoch: String, created: Int, kept: Int) {
        self.epoch = epoch
        self.created = created
        self.kept = kept
    }
}

/// The progress of a store at one moment.
package struct StoreMarks: Sendable, Equatable {
    /// A random text created with the store's first queue; empty without one.
    package var epoch: String
    /// The total of registered queues.
    package var registered: Int
    /// All registered queues; `nil` for one without data.
    package var queues: [String: QueueMark?]

    package init(epoch: String, registered: Int, queues: [String: QueueMark?]) {
        self.epoch = epoch
        self.registered = registered
        self.queues = queues
    }
}

/// What the replies to this process's pushes said about a queue.
package struct PushMarks: Sendable, Equatable {
    /// The highest total of created jobs in a reply.
    package var acknowledged: Int
    /// By how much a reply was below one that existed before its push was sent; 0 if none was.
    package var missing: Int
    /// `acknowledged` after Redis had answered; what came in between counts only if no reply was too low.
    package var latest: Int

    package init(acknowledged: Int, missing: Int, latest: Int? = nil) {
        self.acknowledged = acknowledged
        self.missing = missing
        self.latest = latest ?? acknowledged
    }
}

/// The progress of a queue when a push was sent.
struct PushFloor: Sendable {
    /// The total of created jobs in the replies so far.
    var created = 0
    /// How often the count was reset.
    var generation = 0
}

extension JobStore {
    /// Reads the progress of all queues; two round trips.
    package func marks() async throws(QueueError) -> StoreMarks {
        // Repeats only if Redis lost its registry meanwhile, which does not happen twice in a row.
        while true {
            if let marks = try await marksOfOneRegistry() { return marks }
        }
    }

    /// Reads once; `nil` when the registry was replaced meanwhile, since a queue lost with it would look deleted.
    private func marksOfOneRegistry() async throws(QueueError) -> StoreMarks? {
        // The registry's totals are read first: a queue that comes or goes meanwhile is seen the next time.
        let room: [RedisRequest] = memory.isOn ? [.command("INFO", "memory")] : []
        let head = await send([registryRequest, .command("SMEMBERS", queuesKey)] + room)
        // Without permission to read it, Redis' own limit applies.
        if head.count > 2, let info = try? head[2].get() { memory.note(info.informationFields) }
        let names = (try Self.value(head[1]).array ?? []).compactMap { $0.string.flatMap { QueueName($0) } }
        var marks = try Self.registryMarks(head[0])
        var empty = try await read(names, into: &marks)
        // A deletion removes the name before the data, and a creation adds it before the data. So a name without data
        // is checked again; usually there is none then.
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

    /// The registry's own marks, without its queues.
    private static func registryMarks(_ reply: Result<RedisValue, RedisError>) throws(QueueError) -> StoreMarks {
        let fields = try value(reply).array ?? []
        return StoreMarks(epoch: fields.first?.string ?? "", registered: fields.last?.int ?? 0, queues: [:])
    }

    /// Reads the progress of these queues; returns those without data.
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

    /// The progress of a queue; `nil` when it has no data, or a key of another type.
    private static func mark(_ row: Result<RedisValue, RedisError>) throws(QueueError) -> QueueMark? {
        if case .failure(let error) = row, error.outcome == .verdict { return nil }
        let fields = try value(row).array ?? []
        guard fields.count == 3, let created = fields[0].int?.asLedgerCount else { return nil }
        let kept = max(0, created - (fields[1].int ?? 0).asLedgerCount)
        return QueueMark(epoch: fields[2].string ?? "", created: created, kept: kept)
    }

    /// The total of created jobs per queue in the replies to this process's pushes so far.
    package func acknowledgedPushes() -> [String: Int] {
        knownCalls.reduce(into: [:]) { $0[$1.key.description] = $1.value.acknowledged.load(ordering: .relaxed) }
    }

    /// What the replies to this process's pushes said about each queue; resets the missing count.
    ///
    /// - Parameter acknowledged: the totals before Redis was asked, since more may be acknowledged by now. The missing
    ///   count is read afterwards, since a count that reveals a loss often arrives together with the reply that tells
    ///   its size.
    package func takePushMarks(_ acknowledged: [String: Int]) -> [String: PushMarks] {
        var marks: [String: PushMarks] = [:]
        for (name, calls) in knownCalls {
            // In this order: the reply that reveals a loss resets the count to its own.
            let latest = calls.acknowledged.load(ordering: .acquiring)
            let mark = PushMarks(
                acknowledged: acknowledged[name.description] ?? 0,
                missing: calls.missing.exchange(0, ordering: .acquiringAndReleasing), latest: latest)
            if mark.acknowledged > 0 || mark.missing > 0 { marks[name.description] = mark }
        }
        return marks
    }

    /// Creates the registry's identity if it has none.
    package func identify() async throws(QueueError) {
        _ = try Self.value(await send([.command("HSETNX", globalKey, "epoch", Self.newEpoch())])[0])
    }

    /// A random text that no other store or queue has.
    static func newEpoch() -> String { String(UInt64.random(in: 0 ... .max), radix: 36) }

    /// Resets the marks of a queue that Redis now knows differently.
    package func restartPushMarks(of name: String, at created: Int) {
        for (known, calls) in knownCalls where known.description == name {
            calls.renewGeneration {
                calls.acknowledged.store(created, ordering: .relaxed)
                calls.missing.store(0, ordering: .relaxed)
            }
        }
    }

    func send(_ requests: [RedisRequest]) async -> [Result<RedisValue, RedisError>] {
        await redis.send(requests)
    }

    static func value(_ result: Result<RedisValue, RedisError>) throws(QueueError) -> RedisValue {
        do throws(RedisError) { return try result.get() } catch { throw QueueError(error) }
    }

    /// Redis' clock in ms, from its reply to `TIME`.
    static func milliseconds(of time: RedisValue) throws(QueueError) -> Int {
        guard let parts = time.array, parts.count == 2, let seconds = parts[0].int, let micros = parts[1].int else {
            throw .broken("TIME", time)
        }
        return seconds * 1000 + micros / 1000
    }
}

extension QueueCalls {
    /// Records a queue's total at the start of a connection, before waiting requests are sent.
    ///
    /// - Parameters:
    ///   - created: the total of created jobs.
    ///   - floor: the acknowledged total before Redis was asked. Anything below it is lost; later pushes say nothing
    ///     about it.
    func begin(at created: Int, after floor: PushFloor) {
        guard created < floor.created, floor.generation == generation.load(ordering: .relaxed) else { return }
        renewGeneration {
            missing.max(floor.created - created, ordering: .relaxed)
            acknowledged.store(created, ordering: .releasing)
        }
    }

    /// Changes the count for a new generation.
    ///
    /// Floors of before and floors taken meanwhile are all of an older one, so no reply is compared with a count that
    /// does not belong to its generation.
    fileprivate func renewGeneration(_ change: () -> Void) {
        generation.add(1, ordering: .acquiringAndReleasing)
        change()
        generation.add(1, ordering: .acquiringAndReleasing)
    }

    /// The queue's progress by the replies so far.
    var reached: PushFloor {
        // The generation is read first: the count is of the same or of a later one.
        let generation = generation.load(ordering: .acquiring)
        return PushFloor(created: acknowledged.load(ordering: .relaxed), generation: generation)
    }

    /// Records the reply to a push.
    ///
    /// - Parameters:
    ///   - created: the total of created jobs in the reply; 0 when the push created none.
    ///   - born: the number of jobs created by this push.
    ///   - floor: the acknowledged total before the push was sent. Redis' total only grows, so a lower one in the reply
    ///     shows that Redis lost data in between, whatever other processes did.
    func note(created: Int, born: Int, after floor: PushFloor) {
        guard created > 0 else { return }
        let created = created.asLedgerCount
        let before = created - born
        // A loss reported since the push was sent is not reported again.
        let isTold = floor.generation != generation.load(ordering: .relaxed)
        guard before < floor.created, !isTold else {
            acknowledged.max(created, ordering: .relaxed)
            return
        }
        // The first such reply counts from everything acknowledged before it, including after its push was sent.
        let isFirst = missing.load(ordering: .relaxed) == 0
        let reached = isFirst ? Swift.max(floor.created, acknowledged.load(ordering: .relaxed)) : floor.created
        missing.max(reached - before, ordering: .relaxed)
        acknowledged.store(created, ordering: .releasing)
    }
}

extension Int {
    /// The number clamped to a valid ledger count, so that sums and differences cannot overflow.
    var asLedgerCount: Int { Swift.min(Swift.max(self, 0), 1 << 53) }
}
