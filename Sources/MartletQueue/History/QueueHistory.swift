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
    }

    /// The length of a step.
    public var step: Duration
    /// The steps, the first one first.
    public var points: [Point]
}

extension QueueHistory {
    /// The steps of a plan; `curve` has what is known.
    init(_ plan: HistoryPlan, _ curve: HistoryCurve) {
        var walk = curve
        var before = walk.reading(at: plan.start)
        step = .milliseconds(plan.step)
        points = (0..<max(0, plan.count)).map { index in
            let start = plan.start + index * plan.step
            let end = walk.reading(at: start + plan.step)
            defer { before = end }
            return Point(start: start, seconds: Double(plan.step) / 1000, from: before, to: end)
        }
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
    /// ``historyLimit``. Two round trips, and one more for each further 1 000 samples.
    ///
    /// - Parameters:
    ///   - step: the least length of a step; 10 s by default.
    ///   - start: where it starts, rounded down to a step; `nil` starts 60 steps before the end.
    ///   - end: no step ends after this moment; `nil` for now.
    /// - Returns: the history; `nil` for a queue that does not exist.
    /// - Throws: ``QueueError``.
    public func history(
        step: Duration = .seconds(10), from start: Date? = nil, to end: Date? = nil
    ) async throws(QueueError) -> QueueHistory? {
        guard let parts = try await read(.read, RedisArguments("swept")) else { return nil }
        guard parts.count == 3, let now = parts[1].int else { throw .broken("read", .array(parts)) }
        let swept = parts[2].string.flatMap { Int($0) } ?? 0
        let plan = HistoryPlan(
            step: step.inMilliseconds, from: start?.roundedUpMilliseconds, to: end?.roundedUpMilliseconds, now: now,
            swept: swept)
        let samples = try await samples(plan.ring, from: plan.start)
        return QueueHistory(plan, HistoryCurve(samples, ring: plan.ring, swept: swept))
    }

    /// The samples of a ring since `start`, and the last one before; in order.
    private func samples(_ ring: HistoryRing, from start: Int) async throws(QueueError) -> [HistorySample] {
        let (key, page) = (keys.prefix + ring.key, 1000)
        var entries = try await entries(.command("XREVRANGE", key, "(\(start)", "-", "COUNT", "1"))
        var next: String? = "\(start)"
        while let from = next {
            let more = try await self.entries(.command("XRANGE", key, from, "+", "COUNT", "\(page)"))
            entries += more
            next = more.count < page ? nil : more.last?.array?.first?.string.map { "(" + $0 }
        }
        return HistorySample.inOrder(entries.compactMap(HistorySample.init))
    }

    /// The entries of a stream; none of a key of another type.
    private func entries(_ request: RedisRequest) async throws(QueueError) -> [RedisValue] {
        do throws(RedisError) { return try await store.redis.send(request).array ?? [] } catch {
            guard error.message.contains("WRONGTYPE") else { throw QueueError(error) }
            return []
        }
    }
}
