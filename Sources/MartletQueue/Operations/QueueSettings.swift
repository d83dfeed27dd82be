// The settings, pause flags and counts of a queue.

public import FoundationEssentials
import MartletJobs
import MartletRedis

/// How long finished jobs of one kind are kept.
///
/// ```swift
/// try await queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(3600), count: 10_000)))
/// ```
public struct Retention: Sendable, Hashable, Codable {
    /// The longest age; zero keeps none.
    public var age: Duration
    /// The largest count; zero keeps none.
    ///
    /// Jobs of the last minute are always kept.
    public var count: Int

    /// A day and 100 000 jobs.
    public static let standard = Retention(age: .seconds(86_400), count: 100_000)
    /// Keeps none.
    public static let none = Retention(age: .zero, count: 0)

    /// Creates a retention.
    ///
    /// - Parameters:
    ///   - age: the longest age, up to a year.
    ///   - count: the largest count.
    public init(age: Duration, count: Int) {
        self.age = age
        self.count = count
    }
}

/// The effective settings of a queue.
public struct QueueSettings: Sendable, Hashable {
    /// The ``step`` of strict priorities, which is the default.
    public static let strictStep = Duration.milliseconds(Schema.longestStep)

    /// The most active jobs over all processes; `nil` is unlimited.
    public var limit: Int?
    /// How long a worker holds a job without a heartbeat.
    public var lease: Duration
    /// The waiting time that one level of priority is worth; the default makes priorities strict.
    public var step: Duration
    /// The retention of completed jobs.
    public var completed: Retention
    /// The retention of failed jobs.
    public var failed: Retention
    /// The retention of cancelled jobs.
    public var cancelled: Retention
    /// The least durability to wait for before a push returns.
    public var durability: Durability
}

/// A setting that can be reset to its default.
///
/// ```swift
/// try await queue.configure(QueueSettingsChange(defaults: [.limit, .lease]))
/// ```
public enum QueueSetting: String, Sendable, Hashable, CaseIterable {
    /// The most active jobs; unlimited by default.
    case limit
    /// How long a worker holds a job without a heartbeat; 30 s by default.
    case lease
    /// The waiting time that one level of priority is worth; strict priorities by default.
    case step
    /// The retention of completed, failed and cancelled jobs; ``Retention/standard`` by default.
    case completed, failed, cancelled
    /// The least durability to wait for before a push returns; ``Durability/memory`` by default.
    case durability

    /// Its fields in Redis.
    fileprivate var fields: [StoredSetting] {
        switch self {
        case .limit: [.limit]
        case .lease: [.lease]
        case .step: [.step]
        case .completed: [.completedAge, .completedCount]
        case .failed: [.failedAge, .failedCount]
        case .cancelled: [.cancelledAge, .cancelledCount]
        case .durability: [.durability]
        }
    }
}

/// A change of settings; values that are `nil` stay unchanged.
///
/// ```swift
/// try await queue.configure(QueueSettingsChange(limit: 4, lease: .seconds(60)))
/// ```
public struct QueueSettingsChange: Sendable, Hashable {
    /// 1 to 1 000 000; 0 removes the limit.
    public var limit: Int?
    /// 50 ms to 15 min.
    public var lease: Duration?
    /// 1 ms to 2⁴² ms; can change only while no job is queued.
    public var step: Duration?
    /// The retention of completed jobs.
    public var completed: Retention?
    /// The retention of failed jobs.
    public var failed: Retention?
    /// The retention of cancelled jobs.
    public var cancelled: Retention?
    /// The least durability to wait for before a push returns; producers adopt it within five seconds.
    public var durability: Durability?
    /// The settings to reset to their defaults; overrides the other values.
    public var defaults: Set<QueueSetting> = []

    /// Creates a change.
    ///
    /// - Parameters:
    ///   - limit: the most active jobs, 1 to 1 000 000; 0 removes the limit.
    ///   - lease: how long a worker holds a job without a heartbeat, 50 ms to 15 min.
    ///   - step: the waiting time that one level of priority is worth, 1 ms to 2⁴² ms.
    ///   - completed: the retention of completed jobs.
    ///   - failed: the retention of failed jobs.
    ///   - cancelled: the retention of cancelled jobs.
    ///   - durability: the least durability to wait for before a push returns.
    ///   - defaults: the settings to reset to their defaults.
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

    /// Fields and values for the script; an empty value means the default.
    var words: [(String, String)] {
        let changed = StoredSetting.allCases.compactMap { field in value(of: field).map { (field.rawValue, String($0)) }
        }
        return changed + defaults.flatMap(\.fields).map(\.rawValue).sorted().map { ($0, "") }
    }

    /// The new value of a field; `nil` where it stays as it is.
    private func value(of field: StoredSetting) -> Int? {
        switch field {
        case .limit: limit
        case .lease: lease?.inMilliseconds
        case .step: step?.inMilliseconds
        case .completedAge: completed?.age.inMilliseconds
        case .completedCount: completed?.count
        case .failedAge: failed?.age.inMilliseconds
        case .failedCount: failed?.count
        case .cancelledAge: cancelled?.age.inMilliseconds
        case .cancelledCount: cancelled?.count
        case .durability: durability?.level
        }
    }
}

/// A pause of a queue or of all queues.
public struct QueuePause: Sendable, Hashable {
    /// The operator's reason.
    public var reason: String?
    /// Who paused it.
    public var by: String?
    /// When, by Redis' clock, if known.
    public var at: Date?
}

/// The counts, pauses and settings of a queue at one moment.
///
/// ```swift
/// if let status = try await queue.status() {
///     print(status.jobs[.queued] ?? 0, status.oldestWait, status.isPaused)
/// }
/// ```
public struct QueueStatus: Sendable {
    /// The name.
    public var name: QueueName
    /// The number of jobs per index; `delayed` holds scheduled and retrying jobs.
    public var jobs: [JobIndex: Int]
    /// The total of completed jobs since the queue was created.
    public var completedEver: Int
    /// The total of failed jobs since the queue was created.
    public var failedEver: Int
    /// The total of cancelled jobs since the queue was created.
    public var cancelledEver: Int
    /// The total of pushed jobs since the queue was created.
    public var createdEver: Int
    /// The total of deleted jobs since the queue was created.
    public var deletedEver: Int
    /// How often a script found and repaired a broken entry; 0 in a healthy store.
    public var repairedEver: Int
    /// How long the longest waiting job has been runnable, over up to 16 priorities.
    public var oldestWait: Duration
    /// When the next delayed job becomes due.
    public var nextDue: Duration?
    /// The pause of this queue.
    public var paused: QueuePause?
    /// The pause of all queues, as stored in this queue.
    public var pausedAll: QueuePause?
    /// The effective settings.
    public var settings: QueueSettings
    /// Whether a test has moved this queue's clock.
    public var clockIsMoved: Bool
    /// Whether the queue has limits of keys.
    package var hasLimits = false

    /// Whether nothing may be claimed.
    public var isPaused: Bool { paused != nil || pausedAll != nil }
    /// The number of kept jobs.
    public var total: Int { jobs.values.reduce(0, +) }
    /// Created minus deleted minus kept jobs; 0 in a healthy store.
    public var ledgerDifference: Int { createdEver - deletedEver - total }
}

extension Queue {
    /// Reads counts, flags and settings at one moment, in O(1).
    ///
    /// One round trip.
    ///
    /// - Returns: the status; `nil` when the queue does not exist.
    /// - Throws: ``QueueError``.
    public func status() async throws(QueueError) -> QueueStatus? {
        guard let parts = try await read(.read, RedisArguments("counts")) else { return nil }
        guard parts.count == 4, let counts = parts[2].array, let meta = parts[3].array else {
            throw .broken("read", .array(parts))
        }
        return QueueStatus(name: name, counts: Self.words(counts), meta: Self.words(meta))
    }

    /// Changes settings; an invalid value changes nothing.
    ///
    /// One round trip.
    ///
    /// - Parameter change: the change.
    /// - Throws: ``QueueError`` with ``QueueError/Refusal/badSetting(_:)`` or ``QueueError/Refusal/stepInUse``.
    public func configure(_ change: QueueSettingsChange) async throws(QueueError) {
        try Self.checkConfigured(try await run(.configure, recording(Self.configuration("set", change))))
    }

    /// Pauses claims: after this returns, none happens.
    ///
    /// Running jobs continue.
    ///
    /// - Parameters:
    ///   - reason: why, for other operators.
    ///   - who: who pauses the queue.
    /// - Throws: ``QueueError``.
    public func pause(reason: String? = nil, by who: String? = nil) async throws(QueueError) {
        _ = try await run(.configure, recording(RedisArguments("pause", reason ?? "", who ?? "")))
    }

    /// Resumes claims, unless all queues are paused.
    ///
    /// - Throws: ``QueueError``.
    public func resume() async throws(QueueError) { _ = try await run(.configure, recording(RedisArguments("resume"))) }

    func configure(_ verb: String, _ change: QueueSettingsChange) async throws(QueueError) {
        try Self.checkConfigured(try await run(.configure, Self.configuration(verb, change)))
    }

    static func configuration(_ verb: String, _ change: QueueSettingsChange) -> RedisArguments {
        var arguments = RedisArguments(verb)
        for (name, value) in change.words {
            arguments.append(name)
            arguments.append(value)
        }
        return arguments
    }

    /// Throws what the script says against a change.
    static func checkConfigured(_ value: RedisValue) throws(QueueError) {
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

extension QueuePause {
    /// The pause of a queue, or of all (`paused` or `paused_all`), as `meta` has it; `nil` where it is not paused.
    init?(_ flag: String, in meta: [String: String]) {
        guard meta[flag] == "1" else { return nil }
        let at = meta[flag + "_at"].flatMap { Int($0) }.map { Date(milliseconds: $0) }
        self.init(reason: meta[flag + "_reason"]?.nonEmpty, by: meta[flag + "_by"]?.nonEmpty, at: at)
    }
}

extension QueueStatus {
    init(name: QueueName, counts: [String: String], meta: [String: String]) {
        func number(_ words: [String: String], _ key: String, _ standard: Int = 0) -> Int {
            // Broken values are clamped so that sums over all queues cannot overflow.
            words[key].flatMap { Int($0) }.map { min(max($0, -(1 << 53)), 1 << 53) } ?? standard
        }
        func setting(_ field: StoredSetting) -> Int { number(meta, field.rawValue, field.standard) }
        func retention(_ age: StoredSetting, _ count: StoredSetting) -> Retention {
            Retention(age: .milliseconds(setting(age)), count: setting(count))
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
        paused = QueuePause("paused", in: meta)
        pausedAll = QueuePause("paused_all", in: meta)
        let limit = setting(.limit)
        settings = QueueSettings(
            limit: limit == 0 ? nil : limit, lease: .milliseconds(setting(.lease)), step: .milliseconds(setting(.step)),
            completed: retention(.completedAge, .completedCount), failed: retention(.failedAge, .failedCount),
            cancelled: retention(.cancelledAge, .cancelledCount),
            durability: Durability(level: setting(.durability)) ?? .memory)
        clockIsMoved = meta["offset"] != nil
        hasLimits = number(meta, "limited") & 1 == 1
    }
}

extension String {
    fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
