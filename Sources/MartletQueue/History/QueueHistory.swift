// The history of a queue: rates and depths in steps, from the samples that sweeps take.

public import FoundationEssentials
import MartletJobs
import MartletRedis

/// What happened to a queue in the steps of a span of time.
///
/// ```swift
/// for point in try await queue.history(step: .seconds(60), from: Date() - 3600)?.points ?? [] {
///     print(point.at, point.completed ?? 0, point.queued ?? 0)
/// }
/// ```
public struct QueueHistory: Sendable, Hashable {
    /// One step.
    ///
    /// What is `nil` is not known: the history begins later, or nobody sampled the queue at that time.
    public struct Point: Sendable, Hashable {
        /// When it begins.
        public var at: Date
        /// Jobs that were pushed each second.
        public var pushed: Double?
        /// Jobs that completed each second.
        public var completed: Double?
        /// Jobs that failed for good each second.
        public var failed: Double?
        /// Jobs that were cancelled each second.
        public var cancelled: Double?
        /// Jobs that waited to run at its end.
        public var queued: Int?
        /// Jobs that ran at its end.
        public var active: Int?
        /// Scheduled and retrying jobs at its end.
        public var delayed: Int?
        /// How long jobs waited that were claimed in it; `nil` where that is not known, as in steps below 10 s.
        public var wait: Times?
        /// How long attempts ran that ended in it, in whatever way.
        public var run: Times?
    }

    /// How long something took; at most 5 % away from the exact times.
    public struct Times: Sendable, Hashable {
        /// How many there were.
        public var count: Int
        /// Half of them took no longer.
        public var median: Duration
        /// 90 of 100 took no longer.
        public var p90: Duration
        /// 99 of 100 took no longer.
        public var p99: Duration
    }

    /// The length of a step.
    public var step: Duration
    /// The steps, the first one first.
    public var points: [Point]
}

/// What is known of the history of one queue.
package struct HistoryPart: Sendable {
    var curve: HistoryCurve
    var slots: [TimeSlot] = []
}

extension QueueHistory {
    /// The steps of a plan, summed over the queues that parts are known of.
    package init(_ plan: HistoryPlan, _ parts: [HistoryPart]) {
        let times = plan.times(parts.flatMap(\.slots))
        step = .milliseconds(plan.step)
        points = (0..<max(0, plan.count)).map { Point(start: plan.start + $0 * plan.step) }
        for part in parts {
            var curve = part.curve
            var before = curve.reading(at: plan.start)
            for index in points.indices {
                let end = curve.reading(at: plan.start + (index + 1) * plan.step)
                points[index].add(from: before, to: end, seconds: Double(plan.step) / 1000)
                before = end
            }
        }
        for index in points.indices {
            (points[index].wait, points[index].run) = (Times(times[index].wait), Times(times[index].run))
        }
    }
}

extension QueueHistory.Times {
    init?(_ histogram: TimeHistogram) {
        guard let median = histogram.quantile(0.5), let p90 = histogram.quantile(0.9),
            let p99 = histogram.quantile(0.99)
        else { return nil }
        self.init(count: histogram.count, median: median, p90: p90, p99: p99)
    }
}

extension QueueHistory.Point {
    init(start: Int) { at = Date(milliseconds: start) }

    /// Adds what is known of a queue; a queue that is new, or that nobody sampled, adds nothing.
    mutating func add(from before: HistoryReading?, to end: HistoryReading?, seconds: Double) {
        guard let end else { return }
        Self.add(end.depths[0], to: &queued)
        Self.add(end.depths[1], to: &active)
        Self.add(end.depths[2], to: &delayed)
        guard let before else { return }
        let grown = zip(end.counters, before.counters).map { $0 - $1 }
        // Counters that went back belong to an older state of the store.
        guard grown.allSatisfy({ $0 > -0.5 }) else { return }
        let rates = grown.map { max(0, $0) / seconds }
        Self.add(rates[0], to: &pushed)
        Self.add(rates[1], to: &completed)
        Self.add(rates[2], to: &failed)
        Self.add(rates[3], to: &cancelled)
    }

    private static func add<Number: AdditiveArithmetic>(_ number: Number, to sum: inout Number?) {
        sum = (sum ?? .zero) + number
    }
}

extension Queue {
    /// The most steps of one history.
    public static let historyLimit = 1000

    /// The history of the queue, up to the last step that is over.
    ///
    /// Samples are kept by the second for 10 minutes, by the minute for a day, and by 10 minutes for 30 days. Steps are
    /// multiples of these, and longer than asked for where that is needed for the span or to have no more than
    /// ``historyLimit``. Five round trips, and one more for each further 1 000 samples.
    ///
    /// - Parameters:
    ///   - step: the least length of a step; 10 s by default.
    ///   - start: where it starts, rounded down to a step; `nil` starts 60 steps before the end.
    ///   - end: no step ends after this moment; `nil` for now.
    ///   - type: times, which go back 7 days, are those of jobs of this type; `nil` for all types. Rates and depths are
    ///     always of all.
    /// - Returns: the history; `nil` for a queue that does not exist.
    /// - Throws: ``QueueError``.
    public func history(
        step: Duration = .seconds(10), from start: Date? = nil, to end: Date? = nil, type: String? = nil
    ) async throws(QueueError) -> QueueHistory? {
        guard let clock = try await historyClock() else { return nil }
        let plan = HistoryPlan(step: step, from: start, to: end, clocks: [clock])
        return QueueHistory(plan, [try await historyPart(plan, swept: clock.swept, type: type)])
    }

    /// The time of the queue and of its last sweep; `nil` for a queue that does not exist.
    package func historyClock() async throws(QueueError) -> HistoryClock? {
        guard let parts = try await read(.read, RedisArguments("swept")) else { return nil }
        guard parts.count == 3, let now = parts[1].int else { throw .broken("read", .array(parts)) }
        return HistoryClock(now: now, swept: parts[2].string.flatMap { Int($0) } ?? 0)
    }

    /// What is known of the queue in the steps of a plan.
    package func historyPart(
        _ plan: HistoryPlan, swept: Int, type: String?
    ) async throws(QueueError) -> HistoryPart {
        let samples = try await samples(plan.ring, from: plan.start)
        let slots = try await timeSlots(plan, name: type.map { TimeReport.typeMark + $0 })
        return HistoryPart(curve: HistoryCurve(samples, ring: plan.ring, swept: swept), slots: slots)
    }

    /// The slots of times that begin in a plan's steps.
    private func timeSlots(_ plan: HistoryPlan, name: String?) async throws(QueueError) -> [TimeSlot] {
        let ring = TimeRing(plan.ring)
        guard plan.step >= ring.slot else { return [] }
        let open = try await entries(.command("HGETALL", keys.prefix + "times"))
        // What has just gone from the hash is in the ring by now.
        let over = try await entries(of: ring.key, from: plan.start).compactMap { TimeSlot($0, name: name) }
        let last = TimeSlot(open: open, ring: ring, name: name)
        return over + [last].compactMap(\.self).filter { last in !over.contains { $0.start == last.start } }
    }

    /// The samples of a ring since `start`, and the last one before; in order.
    private func samples(_ ring: HistoryRing, from start: Int) async throws(QueueError) -> [HistorySample] {
        let before = try await entries(.command("XREVRANGE", keys.prefix + ring.key, "(\(start)", "-", "COUNT", "1"))
        let entries = try await entries(of: ring.key, from: start)
        return HistorySample.inOrder((before + entries).compactMap(HistorySample.init))
    }

    /// The entries of a ring since `start`.
    private func entries(of ring: String, from start: Int) async throws(QueueError) -> [RedisValue] {
        let (key, page) = (keys.prefix + ring, 1000)
        var entries: [RedisValue] = []
        var next: String? = "\(start)"
        while let from = next {
            let more = try await self.entries(.command("XRANGE", key, from, "+", "COUNT", "\(page)"))
            entries += more
            next = more.count < page ? nil : more.last?.array?.first?.string.map { "(" + $0 }
        }
        return entries
    }

    /// The members of a reply; none of a key of another type.
    private func entries(_ request: RedisRequest) async throws(QueueError) -> [RedisValue] {
        do throws(RedisError) { return try await store.redis.send(request).array ?? [] } catch {
            guard error.message.contains("WRONGTYPE") else { throw QueueError(error) }
            return []
        }
    }
}
