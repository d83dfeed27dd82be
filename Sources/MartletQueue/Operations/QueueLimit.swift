// A limit of a queue and what is known of it, as values.

public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// How many jobs may start in a time.
///
/// The starts are spread evenly over the time; `burst` of them may come at once after a quiet time. A job of weight 2
/// counts as two starts.
///
/// ```swift
/// let quota = LimitRate(count: 100, per: .seconds(60), burst: 5)
/// ```
public struct LimitRate: Sendable, Hashable {
    /// The starts in the time, 1 to 1 000 000.
    public var count: Int
    /// The time, 1 ms to a year.
    public var per: Duration
    /// How many starts may come at once, 1 to 1 000 000.
    public var burst: Int

    /// Creates a rate.
    ///
    /// - Parameters:
    ///   - count: the starts in the time, 1 to 1 000 000.
    ///   - per: the time, 1 ms to a year.
    ///   - burst: how many starts may come at once, 1 to 1 000 000.
    public init(count: Int, per: Duration, burst: Int = 1) {
        self.count = count
        self.per = per
        self.burst = burst
    }
}

/// What limits the jobs that name one key: how many run at one time, and how many start in a time.
///
/// ```swift
/// try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
/// try await queue.setLimit("tenant:7", to: QueueLimit(rate: LimitRate(count: 100, per: .seconds(60))))
/// ```
public struct QueueLimit: Sendable, Hashable {
    /// The most weight of jobs that run at one time, 0 to 1 000 000; `nil` is unlimited.
    public var concurrency: Int?
    /// How many jobs may start in a time; `nil` is unlimited.
    public var rate: LimitRate?

    /// Creates a limit.
    ///
    /// - Parameters:
    ///   - concurrency: the most weight of jobs that run at one time, 0 to 1 000 000; `nil` is unlimited.
    ///   - rate: how many jobs may start in a time; `nil` is unlimited.
    public init(concurrency: Int? = nil, rate: LimitRate? = nil) {
        self.concurrency = concurrency
        self.rate = rate
    }
}

/// A pause of a limit: no job that names the key starts.
public struct LimitPause: Sendable, Hashable {
    /// The operator's reason.
    public var reason: String?
    /// Who paused it.
    public var by: String?
    /// When it ends by itself; `nil` until an operator resumes it.
    public var until: Date?
}

/// A hold of a key: the service behind it told a job to wait, and no job that names the key starts before that.
public struct LimitThrottle: Sendable, Hashable {
    /// When it ends by itself, by Redis' clock.
    public var until: Date
    /// What the service said.
    public var reason: String?
}

/// A limit, or a key that a limit of its class holds, at one moment.
///
/// ```swift
/// if let limit = try await queue.limit(named: "host:example.com") {
///     print(limit.usage, limit.inForce?.concurrency ?? 0, limit.waiting)
/// }
/// ```
public struct LimitStatus: Sendable, Hashable {
    /// When a job of weight 1 may start.
    public enum Opening: Sendable, Hashable {
        /// Now.
        case now
        /// At this time by Redis' clock.
        case at(Date)
        /// When a job ends or an operator changes the limit.
        case notByTime
    }

    /// A job that runs and holds the key.
    public struct Holder: Sendable, Hashable {
        /// The job.
        public var job: JobID
        /// The weight that it holds.
        public var weight: Int
    }

    /// A key of a class that is in use or waited for.
    public struct Key: Sendable, Hashable {
        /// The key, `<class>:<value>`.
        public var name: String
        /// The weight of the jobs that run.
        public var usage: Int
        /// The number of jobs that wait.
        public var waiting: Int
    }

    /// The key, or `<class>:*` for each value of a class.
    public var name: String
    /// The base value; `nil` for a key without one.
    public var base: QueueLimit?
    /// What counts in place of the base value.
    public var override: QueueLimit?
    /// When the override ends by itself.
    public var overrideEnds: Date?
    /// The pause of this limit.
    public var pause: LimitPause?
    /// The hold of the key by a throttled job, which counts besides its limit; `nil` of a class.
    public var throttle: LimitThrottle?
    /// The name of the limit that counts: this one, or that of the class.
    public var source: String?
    /// The values that count now; `nil` where nothing limits the key but a pause.
    public var inForce: QueueLimit?
    /// Whether the limit that counts is paused.
    public var isPaused: Bool
    /// The weight of the jobs that run; of a class the highest of one of its keys.
    ///
    /// Of a class at most 1 000 keys are looked at.
    public var usage: Int
    /// The number of jobs that wait for it; of a class those of all its keys.
    public var waiting: Int
    /// When the next job may start; `nil` of a class, and of a key without a limit.
    public var opening: Opening?
    /// Up to 5 of the first 1 000 running jobs that hold the key; only from ``Queue/limit(named:)``.
    public var holders: [Holder] = []
    /// Up to 20 of the busiest keys of a class; only from ``Queue/limit(named:)``.
    public var keys: [Key] = []

    /// Whether it stands for each value of a class.
    public var isOfClass: Bool { LimitName.isOfClass(name) }
}

/// A page of limits.
///
/// ```swift
/// var page = try await queue.limits()
/// while let next = page.next {
///     page = try await queue.limits(after: next)
/// }
/// ```
public struct LimitPage: Sendable {
    /// The limits, by name.
    public var limits: [LimitStatus]
    /// The name after which the next page starts; `nil` after the last one.
    public var next: String?
}

/// The rule for names of limits.
package enum LimitName {
    /// The most limits of a queue.
    package static let most = Schema.mostLimits
    /// The numbers that a limit may have.
    package static let concurrency = 0...Schema.mostLimitValue
    package static let count = 1...Schema.mostLimitValue
    /// The rule in words, phrased to follow a name.
    package static let rule =
        "must be a key like host:example.com, or host:* for each value of a class: a class of a-z, 0-9, _ and -, a colon, and 1 to 128 bytes without control characters and without blanks at the ends"

    /// Whether the text is the name of a limit.
    package static func isValid(_ name: String) -> Bool {
        isOfClass(name) ? LimitKey.isClass(name.dropLast(2)) : LimitKey.parts(of: name) != nil
    }

    static func isOfClass(_ name: String) -> Bool { name.hasSuffix(":*") }
}

extension LimitStatus {
    /// What is known of a key that nothing limits and no job holds.
    package init(unlimited name: String) {
        self.name = name
        isPaused = false
        usage = 0
        waiting = 0
    }

    /// Parses a flat list of the jobs that hold a key and their weights.
    static func holders(_ flat: [RedisValue]) -> [Holder] {
        stride(from: 0, to: flat.count - 1, by: 2).compactMap { at in
            guard let id = flat[at].string.flatMap({ JobID(stored: $0) }) else { return nil }
            return Holder(job: id, weight: flat[at + 1].placeInMilliseconds ?? 1)
        }
    }

    /// Parses a flat list of the script `read`; `nil` for what is none.
    init?(_ value: RedisValue) {
        guard let flat = value.array else { return nil }
        let words = Queue.words(flat)
        guard let name = words["name"] else { return nil }
        func number(_ word: String) -> Int? { words[word].flatMap { Int(place: $0) } }
        func limit(_ concurrency: String, _ count: String, _ per: String, _ burst: String) -> QueueLimit? {
            let rate = number(count).flatMap { count in
                number(per).map { LimitRate(count: count, per: .milliseconds($0), burst: number(burst) ?? 1) }
            }
            let concurrency = number(concurrency)
            return concurrency == nil && rate == nil ? nil : QueueLimit(concurrency: concurrency, rate: rate)
        }
        func time(_ word: String) -> Date? { number(word).map { Date(milliseconds: $0) } }
        self.name = name
        base = limit("c", "n", "per", "burst")
        override = limit("oc", "on", "oper", "oburst")
        overrideEnds = time("ountil")
        if words["paused"] != nil {
            pause = LimitPause(reason: words["reason"], by: words["by"], until: time("until"))
        }
        throttle = time("throttled_until").map { until in
            LimitThrottle(until: until, reason: words["throttled_reason"].flatMap { $0.isEmpty ? nil : $0 })
        }
        source = words["source"]
        inForce = limit(".c", ".n", ".per", ".burst")
        isPaused = words[".paused"] != nil
        usage = number("usage") ?? 0
        waiting = number("waiting") ?? 0
        opening = number("opens").map { $0 == 0 ? .now : $0 < 0 ? .notByTime : .at(Date(milliseconds: $0)) }
    }
}
