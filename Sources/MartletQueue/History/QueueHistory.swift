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

extension QueueHistory {
    /// The steps of a plan; `curve` and `slots` have what is known.
    init(_ plan: HistoryPlan, _ curve: HistoryCurve, _ slots: [TimeSlot] = []) {
        let times = plan.times(slots)
        var walk = curve
        var before = walk.reading(at: plan.start)
        step = .milliseconds(plan.step)
        points = (0..<max(0, plan.count)).map { index in
            let start = plan.start + index * plan.step
            let end = walk.reading(at: start + plan.step)
            defer { before = end }
            var point = Point(start: start, seconds: Double(plan.step) / 1000, from: before, to: end)
            (point.wait, point.run) = (Times(times[index].wait), Times(times[index].run))
            return point
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
    init(start: Int, seconds: Double, from before: HistoryReading?, to end: HistoryReading?) {
        at = Date(milliseconds: start)
        guard let end else { return }
        (queued, active, delayed) = (end.depths[0], end.depths[1], end.depths[2])
        guard let before else { return }
        let grown = zip(end.counters, before.counters).map { $0 - $1 }
        // Counters that went back belong to an older state of the store.
        guard grown.allSatisfy({ $0 > -0.5 }) else { return }
        let rates = grown.map { max(0, $0) / seconds }
        (pushed, completed, failed, cancelled) = (rates[0], rates[1], rates[2], rates[3])
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
        guard let parts = try await read(.read, RedisArguments("swept")) else { return nil }
        guard parts.count == 3, let now = parts[1].int else { throw .broken("read", .array(parts)) }
        let swept = parts[2].string.flatMap { Int($0) } ?? 0
        let plan = HistoryPlan(
            step: step.inMilliseconds, from: start?.roundedUpMilliseconds, to: end?.roundedUpMilliseconds, now: now,
            swept: swept)
        let samples = try await samples(plan.ring, from: plan.start)
        let slots = try await timeSlots(plan, name: type.map { TimeReport.typeMark + $0 })
        return QueueHistory(plan, HistoryCurve(samples, ring: plan.ring, swept: swept), slots)
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
