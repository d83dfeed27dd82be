// Why a job waits, and what the waiting jobs of a queue wait for, as values.

public import FoundationEssentials
public import MartletJobs

/// Why a job does not run yet.
///
/// ```swift
/// let waiting = try await queue.explain()?.waiting ?? [:]
/// print(waiting[.limitConcurrency] ?? 0, WaitReason.limitConcurrency.rawValue)
/// ```
public enum WaitReason: String, Sendable, Hashable, CaseIterable, Codable {
    /// All queues are paused.
    case pauseOfAll = "pause_of_all"
    /// Its queue is paused.
    case queuePause = "queue_pause"
    /// Its queue runs as many jobs as it may.
    case queueConcurrency = "queue_concurrency"
    /// The limit of one of its keys is paused.
    case limitPause = "limit_pause"
    /// As much of one of its keys runs as the limit allows.
    case limitConcurrency = "limit_concurrency"
    /// The next start of one of its keys is not due yet.
    case limitRate = "limit_rate"
    /// Another job waits for one of its keys further ahead.
    case waiterAhead = "waiter_ahead"
    /// Its key has capacity, and one of the next claims brings it back into line.
    case opening
    /// It was paused by itself.
    case jobPause = "job_pause"
    /// Its time has not come.
    case time
    /// It stands in line, and nothing but the jobs ahead and a free worker is missing.
    case line

    /// Reads the word of the script `explain`.
    init?(ofKey word: String?) {
        switch word {
        case "paused": self = .limitPause
        case "concurrency": self = .limitConcurrency
        case "rate": self = .limitRate
        case "ahead": self = .waiterAhead
        case "opening": self = .opening
        default: return nil
        }
    }
}

/// A key that has no capacity for a job.
///
/// ```swift
/// for key in try await queue.explain(id)?.keys ?? [] {
///     print(key.name, key.reason, key.limit?.usage ?? 0, key.opensAt == nil ? "not by time" : "by time")
/// }
/// ```
public struct KeyObstacle: Sendable, Hashable {
    /// The key, `<class>:<value>`.
    public var name: String
    /// The weight that the job takes.
    public var weight: Int
    /// What is missing: one of ``WaitReason/limitPause``, ``WaitReason/limitConcurrency``, ``WaitReason/limitRate`` and
    /// ``WaitReason/waiterAhead``.
    public var reason: WaitReason
    /// The weight of jobs that waited for the key, are back in line, and come first.
    public var standing: Int
    /// How many jobs wait for the key further ahead; 0 where none does.
    public var ahead: Int
    /// The first of them.
    public var firstAhead: JobID?
    /// When the key opens by time, for the first job that waits; `nil` where a job must end or an operator must act.
    public var opensAt: Date?
    /// The pause of the limit that counts, of the key or of its class.
    public var pause: LimitPause?
    /// The limit with its usage and up to 5 jobs that hold the key.
    public var limit: LimitStatus?

    /// Whether the job takes more than the limit allows at all, so that only an operator can let it run.
    public var isTooHeavy: Bool {
        guard let limit = limit?.inForce else { return false }
        return weight > limit.concurrency ?? .max || weight > limit.rate?.burst ?? .max
    }
}

/// Why a job waits, or what has become of it, at one moment.
///
/// ```swift
/// if let why = try await queue.explain(id) {
///     print(why.isStartable, why.reasons, why.sentences.joined(separator: " "))
/// }
/// ```
public struct JobExplanation: Sendable {
    /// The job's id.
    public var id: JobID
    /// The queue.
    public var queue: QueueName
    /// The job's state.
    public var state: JobState
    /// The wire name.
    public var type: String
    /// Whether the next claim of one job hands out this one, to a worker that has a handler for its type and takes jobs in
    /// their last chance.
    ///
    /// True for at most one job of a queue. A due job and a blocked one whose key has opened count, since a claim brings them
    /// into line first.
    public var isStartable: Bool
    /// What holds the job back, the most general first; empty for one that runs or has finished.
    public var reasons: [WaitReason]
    /// How many jobs stand ahead of it in line, while queued.
    public var ahead: Int?
    /// The keys that have no capacity for it, at most 8; of jobs in line and blocked ones.
    public var keys: [KeyObstacle]
    /// The key that it waits for, while blocked.
    public var waitsFor: String?
    /// The pause of its queue.
    public var paused: QueuePause?
    /// The pause of all queues.
    public var pausedAll: QueuePause?
    /// How many jobs its queue may run at one time; `nil` is unlimited.
    public var queueLimit: Int?
    /// How many jobs of its queue run.
    public var active: Int
    /// Since when it is in this state.
    public var since: Date
    /// When it becomes due, while scheduled or retrying.
    public var dueAt: Date?
    /// When its lease ends, while active.
    public var leaseUntil: Date?
    /// The stop that was asked for while it runs.
    public var wanted: StopReason?
    /// The last error.
    public var error: String?
    /// Redis' clock at that moment.
    public var readAt: Date
}

/// What the waiting jobs of a queue wait for, at one moment.
///
/// ```swift
/// if let why = try await queue.explain() {
///     for (reason, count) in why.waiting { print(reason.rawValue, count) }
/// }
/// ```
public struct QueueExplanation: Sendable {
    /// A key that jobs wait for.
    public struct Key: Sendable, Hashable {
        /// The key, `<class>:<value>`.
        public var name: String
        /// The number of jobs that wait for it.
        public var waiting: Int
        /// Why the first of them waits.
        public var reason: WaitReason
        /// When it opens by time; `nil` where a job must end or an operator must act.
        public var opensAt: Date?
    }

    /// The queue.
    public var queue: QueueName
    /// The number of waiting jobs by reason; each job counts once.
    ///
    /// Jobs in line count by what holds the whole queue back, if anything does; blocked jobs by why the first job that waits
    /// for the same key waits.
    public var waiting: [WaitReason: Int]
    /// Up to 20 of the keys that most jobs wait for.
    public var keys: [Key]
    /// How many blocked jobs wait for keys beyond the 500 that were looked at; they are in no number of ``waiting``.
    public var notLookedAt: Int
    /// The pause of the queue.
    public var paused: QueuePause?
    /// The pause of all queues.
    public var pausedAll: QueuePause?
    /// How many jobs it may run at one time; `nil` is unlimited.
    public var queueLimit: Int?
    /// How many jobs run.
    public var active: Int
}
