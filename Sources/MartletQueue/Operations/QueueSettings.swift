// A queue's settings, its pause flags and its counts.

public import FoundationEssentials
import MartletJobs
import MartletRedis

/// How long finished jobs of one kind stay.
public struct Retention: Sendable, Hashable, Codable {
    /// How long at most; zero keeps none.
    public var age: Duration
    /// How many at most; zero keeps none.
    ///
    /// Those of the last minute stay all the same.
    public var count: Int

    /// A day and 100 000 jobs.
    public static let standard = Retention(age: .seconds(86_400), count: 100_000)
    /// None are kept.
    public static let none = Retention(age: .zero, count: 0)

    /// A retention by age (up to a year) and count.
    public init(age: Duration, count: Int) {
        self.age = age
        self.count = count
    }
}

/// The settings of a queue as they apply now.
public struct QueueSettings: Sendable, Hashable {
    /// How many jobs may be active at once in all processes; `nil` means without limit.
    public var limit: Int?
    /// How long a worker holds a job without a beat.
    public var lease: Duration
    /// What one level of priority is worth in waiting time; the default makes priorities strict.
    public var step: Duration
    /// How long completed jobs stay.
    public var completed: Retention
    /// How long failed jobs stay.
    public var failed: Retention
    /// How long cancelled jobs stay.
    public var cancelled: Retention
    /// The least that is waited for before a push is answered.
    public var durability: Durability
}

/// A setting of a queue that can be taken back to its default.
public enum QueueSetting: String, Sendable, Hashable, CaseIterable {
    /// How many jobs may be active at once; without limit by default.
    case limit
    /// How long a worker holds a job without a beat; 30 s by default.
    case lease
    /// What one level of priority is worth; strict priorities by default.
    case step
    /// How long completed, failed and cancelled jobs stay; ``Retention/standard`` by default.
    case completed, failed, cancelled
    /// The least that is waited for before a push is answered; ``Durability/memory`` by default.
    case durability

    /// The names of its fields in Redis.
    fileprivate var fields: [String] {
        switch self {
        case .completed, .failed, .cancelled: ["\(rawValue)_age", "\(rawValue)_count"]
        case .limit, .lease, .step, .durability: [rawValue]
        }
    }
}

/// A change of settings: what is `nil` stays as it is.
public struct QueueSettingsChange: Sendable, Hashable {
    /// 1 to 1 000 000; 0 takes the limit away.
    public var limit: Int?
    /// 50 ms to 15 min.
    public var lease: Duration?
    /// 1 ms to 2⁴² ms; changes only while nothing is queued.
    public var step: Duration?
    /// How long completed jobs stay.
    public var completed: Retention?
    /// How long failed jobs stay.
    public var failed: Retention?
    /// How long cancelled jobs stay.
    public var cancelled: Retention?
    /// The least that is waited for before a push is answered; producers take notice within five seconds.
    public var durability: Durability?
    /// The settings that go back to their defaults, whatever else is said of them.
    public var defaults: Set<QueueSetting> = []

    /// A change of what is named.
    public init(
        limit: Int? = nil, lease: Duration? = nil, step: Duration? = nil, completed: Retention? = nil,
        failed: Retention? = nil, cancelled: Retention? = nil, durability: Durability? = nil,
        defaults: Set<QueueSetting> = []
    ) {
        self.limit = limit
        self.lease = lease
        self.step = step
        self.completed = completed
        self.failed = failed
        self.cancelled = cancelled
        self.durability = durability
        self.defaults = defaults
    }

    /// Fields and values as the script takes them; an empty value stands for the default.
    fileprivate var words: [(String, String)] {
        values.map { ($0, String($1)) } + defaults.flatMap(\.fields).sorted().map { ($0, "") }
    }

    private var values: [(String, Int)] {
        var words: [(String, Int)] = []
        if let limit { words.append(("limit", limit)) }
        if let lease { words.append(("lease", lease.inMilliseconds)) }
        if let step { words.append(("step", step.inMilliseconds)) }
        for (name, retention) in [("completed", completed), ("failed", failed), ("cancelled", cancelled)] {
            guard let retention else { continue }
            words.append((name + "_age", retention.age.inMilliseconds))
            words.append((name + "_count", retention.count))
        }
        if let durability { words.append(("durability", durability.level)) }
        return words
    }
}

/// A pause of a queue or of all queues.
public struct QueuePause: Sendable, Hashable {
    /// Why, in the operator's words.
    public var reason: String?
    /// Who did it.
    public var by: String?
    /// When, by Redis' clock, where that is known.
    public var at: Date?
}

/// What a queue is and has, at one moment.
public struct QueueStatus: Sendable {
    /// The name.
    public var name: QueueName
    /// The jobs in each index; `delayed` holds scheduled and retrying jobs.
    public var jobs: [JobIndex: Int]
    /// How many jobs ever completed.
    public var completedEver: Int
    /// How many jobs ever failed for good.
    public var failedEver: Int
    /// How many jobs were ever cancelled.
    public var cancelledEver: Int
    /// How many jobs were ever pushed.
    public var createdEver: Int
    /// How many jobs were ever deleted.
    public var deletedEver: Int
    /// How often a script found and mended a broken entry; 0 in a healthy store.
    public var repairedEver: Int
    /// How long the job that has waited longest has been runnable, over up to 16 priorities.
    public var oldestWait: Duration
    /// When the next waiting job falls due.
    public var nextDue: Duration?
    /// The pause of this queue.
    public var paused: QueuePause?
    /// The pause of all queues, as this queue knows it.
    public var pausedAll: QueuePause?
    /// The settings as they apply.
    public var settings: QueueSettings
    /// Whether a test has moved this queue's clock.
    public var clockIsMoved: Bool

    /// Whether anything may be claimed.
    public var isPaused: Bool { paused != nil || pausedAll != nil }
    /// All jobs that are kept.
    public var total: Int { jobs.values.reduce(0, +) }
    /// What was ever created, less what was deleted and what is there: 0 in a healthy store.
    public var ledgerDifference: Int { createdEver - deletedEver - total }
}

extension Queue {
    /// Counts, flags and settings at one moment, O(1).
    ///
    /// `nil` when the queue does not exist. One round trip.
    public func status() async throws(QueueError) -> QueueStatus? {
        guard let parts = try await read(.read, RedisArguments("counts")) else { return nil }
        guard parts.count == 4, let counts = parts[2].array, let meta = parts[3].array else {
            throw .broken("read", .array(parts))
        }
        return QueueStatus(name: name, counts: Self.words(counts), meta: Self.words(meta))
    }

    /// Changes settings; a bad one changes nothing.
    ///
    /// One round trip.
    public func configure(_ change: QueueSettingsChange) async throws(QueueError) {
        try await configure("set", change)
    }

    /// Applies the settings of a process' environment, each only where it differs from the environment's last one.
    ///
    /// So what was set at run time stays until somebody changes the environment.
    public func applyEnvironment(_ change: QueueSettingsChange) async throws(QueueError) {
        try await configure("environment", change)
    }

    /// Stops claims: once this returns, none happens.
    ///
    /// Running jobs go on.
    public func pause(reason: String? = nil, by who: String? = nil) async throws(QueueError) {
        _ = try await run(.configure, RedisArguments("pause", reason ?? "", who ?? ""))
    }

    /// Lets claims happen again, unless all queues are paused.
    public func resume() async throws(QueueError) { _ = try await run(.configure, RedisArguments("resume")) }

    private func configure(_ verb: String, _ change: QueueSettingsChange) async throws(QueueError) {
        var arguments = RedisArguments(verb)
        for (name, value) in change.words {
            arguments.append(name)
            arguments.append(value)
        }
        let value = try await run(.configure, arguments)
        switch value.array?.first?.string {
        case "ok": return
        case "bad":
            let setting = value.array?.last?.string ?? "?"
            throw QueueError(.refused(.badSetting(setting)), message: "the setting \(setting) is out of its range")
        case "busy":
            throw QueueError(.refused(.stepInUse), message: "the ageing step changes only while no job is queued")
        default: throw .broken("configure", value)
        }
    }

    static func words(_ flat: [RedisValue]) -> [String: String] {
        var words: [String: String] = [:]
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            guard let name = flat[index].string else { continue }
            words[name] = flat[index + 1].string ?? flat[index + 1].int.map(String.init)
        }
        return words
    }
}

extension QueueStatus {
    init(name: QueueName, counts: [String: String], meta: [String: String]) {
        func number(_ words: [String: String], _ key: String, _ standard: Int = 0) -> Int {
            // Broken ones are so bounded that the numbers of all queues can be summed up.
            words[key].flatMap { Int($0) }.map { min(max($0, -(1 << 53)), 1 << 53) } ?? standard
        }
        func pause(_ flag: String) -> QueuePause? {
            guard meta[flag] == "1" else { return nil }
            let at = meta[flag + "_at"].flatMap { Int($0) }.map { Date(milliseconds: $0) }
            return QueuePause(reason: meta[flag + "_reason"]?.nonEmpty, by: meta[flag + "_by"]?.nonEmpty, at: at)
        }
        func retention(_ kind: String) -> Retention {
            Retention(
                age: .milliseconds(number(meta, kind + "_age", 86_400_000)),
                count: number(meta, kind + "_count", 100_000))
        }
        self.name = name
        jobs = [:]
        for index in JobIndex.allCases { jobs[index] = number(counts, index.rawValue) }
        completedEver = number(meta, "completed")
        failedEver = number(meta, "failed")
        cancelledEver = number(meta, "cancelled")
        createdEver = number(meta, "created")
        deletedEver = number(meta, "deleted")
        repairedEver = number(meta, "repaired")
        oldestWait = .milliseconds(number(counts, "oldest_wait"))
        nextDue = counts["next_due"].flatMap { Int($0) }.flatMap { $0 < 0 ? nil : .milliseconds($0) }
        paused = pause("paused")
        pausedAll = pause("paused_all")
        let limit = number(meta, "limit")
        settings = QueueSettings(
            limit: limit == 0 ? nil : limit, lease: .milliseconds(number(meta, "lease", 30_000)),
            step: .milliseconds(number(meta, "step", 1 << 42)), completed: retention("completed"),
            failed: retention("failed"), cancelled: retention("cancelled"),
            durability: Durability(level: number(meta, "durability")) ?? .memory)
        clockIsMoved = meta["offset"] != nil
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
