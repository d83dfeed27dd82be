// A job as it is pushed, and what becomes of the push.

import Crypto
public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// A job as it is pushed.
public struct NewJob: Sendable {
    /// The id; generated unless the caller brings one.
    public var id: JobID
    /// What the caller asked for, as a digest, when the id or an idempotency key is the caller's; else `nil`.
    ///
    /// A repeat with the same digest meets the same job, another digest is a conflict.
    public var digest: String?
    /// The wire name, 1 to 128 bytes.
    public var type: String
    /// Opaque bytes, at most 1 MiB.
    public var payload: [UInt8]
    /// −1000 to 1000; a larger number runs first.
    public var priority: Int
    /// How long to wait before the job may run, at most 365 days.
    public var delay: Duration
    /// When the job may run, by Redis' clock.
    ///
    /// A moment that has passed means at once. At most 365 days away, and not beside a delay.
    public var runAt: Date?
    /// How often a failed attempt is tried again, 0 to 100.
    public var maxRetries: Int
    /// How long to wait before each retry; `nil` means 1 s, 2 s, 4 s and so on.
    public var retryPolicy: RetryPolicy?
    /// How long one attempt may run; `nil` means without limit.
    public var timeout: Duration?
    /// A key that at most one job that has not ended may hold; up to 128 bytes.
    public var uniqueKey: String?
    /// Up to 16 words of up to 64 bytes, for people.
    public var tags: [String]
    /// A JSON object for people.
    public var metadata: JobMetadata?
    /// Who pushes it, where only they may read it again; up to 128 bytes.
    public var owner: String?

    /// A job with the service's defaults where the caller says nothing.
    public init(
        id: JobID = .generate(), digest: String? = nil, type: String, payload: [UInt8], priority: Int = 0,
        delay: Duration = .zero, runAt: Date? = nil, maxRetries: Int = JobRecord.defaultMaxRetries,
        retryPolicy: RetryPolicy? = nil, timeout: Duration? = nil, uniqueKey: String? = nil, tags: [String] = [],
        metadata: JobMetadata? = nil, owner: String? = nil
    ) {
        self.id = id
        self.digest = digest
        self.type = type
        self.payload = payload
        self.priority = priority
        self.delay = delay
        self.runAt = runAt
        self.maxRetries = maxRetries
        self.retryPolicy = retryPolicy
        self.timeout = timeout
        self.uniqueKey = uniqueKey
        self.tags = tags
        self.metadata = metadata
        self.owner = owner
    }
}

/// What became of one job of a push.
public enum EnqueueVerdict: Sendable, Hashable {
    /// It is new, in this state.
    case created(JobState)
    /// The same push was made before; the job is in this state.
    case existing(JobState)
    /// The same push was made before, and the job was deleted since.
    case deleted
    /// The id belongs to another push.
    case conflict
    /// Another job that has not ended holds the unique key.
    case uniqueKeyTaken(by: JobID)
    /// A value is out of its range; names the field.
    case invalid(String)
}

/// What became of a push of all or nothing.
public enum AtomicEnqueueResult: Sendable, Hashable {
    /// All of them are in the queue.
    case accepted([EnqueueVerdict])
    /// None of them is; this one could not be.
    case refused(index: Int, EnqueueVerdict)
}

extension NewJob {
    /// The bounds that a push is held to, wherever it comes from.
    public enum Limit {
        /// The bytes of a payload.
        public static let payload = 1 << 20
        /// The bytes of a type's name.
        public static let type = 128
        /// The bytes of a unique key.
        public static let uniqueKey = 128
        /// The bytes of an owner's name.
        public static let owner = 128
        /// The tags of a job.
        public static let tags = 16
        /// The bytes of a tag.
        public static let tag = 64
        /// The jobs of an atomic push.
        public static let atomicJobs = 10_000
        /// The bytes of an atomic push.
        public static let atomicBytes = 16 << 20
        /// The longest wait, and the longest timeout.
        public static let delay = Duration.seconds(365 * 86_400)
    }

    /// The first field whose value is out of its range, or `nil`.
    public var invalidField: String? {
        if !type.isLabel(upTo: Limit.type) { return "type" }
        if payload.count > Limit.payload { return "payload" }
        if !(-1000...1000).contains(priority) { return "priority" }
        if delay < .zero || delay > Limit.delay { return "delay" }
        if let runAt, delay != .zero || runAt.timeIntervalSinceNow > Self.farthest { return "run_at" }
        if !(0...100).contains(maxRetries) { return "max_retries" }
        if let timeout, timeout < .milliseconds(1) || timeout > Limit.delay { return "timeout" }
        if let uniqueKey, !uniqueKey.isLabel(upTo: Limit.uniqueKey) { return "unique_key" }
        if tags.count > Limit.tags || !tags.allSatisfy({ $0.isLabel(upTo: Limit.tag) }) { return "tags" }
        if let owner, owner.isEmpty || owner.utf8.count > Limit.owner { return "owner" }
        return nil
    }

    /// What the value of a field must be, in words that follow the field's name.
    public static func rule(for field: String) -> String {
        let hidden = "without control characters and marks that change the direction of text"
        return switch field {
        case "type": "must have 1 to \(Limit.type) bytes, \(hidden)"
        case "unique_key": "must have 1 to \(Limit.uniqueKey) bytes, \(hidden)"
        case "tags": "must be at most \(Limit.tags) texts of 1 to \(Limit.tag) bytes, \(hidden)"
        case "id": JobID.rule
        case "payload": "must have at most \(Limit.payload) bytes"
        case "priority": "must be from -1000 to 1000"
        case "delay": "must be from 0 to 365 days"
        case "run_at": "must lie within 365 days and cannot stand beside a delay"
        case "max_retries": "must be from 0 to 100"
        case "timeout": "must be from 1 ms to 365 days"
        default: "is out of its range"
        }
    }

    /// The digest of what is asked for: the same for the same request, whoever sends it again.
    public func requestDigest() -> String {
        var hash = SHA256()
        func add(_ bytes: [UInt8]) {
            hash.update(data: Array("\(bytes.count):".utf8))
            hash.update(data: bytes)
        }
        add(Array(type.utf8))
        add(payload)
        add(Array("\(priority) \(waitWord) \(maxRetries) \(timeout?.inMilliseconds ?? 0)".utf8))
        add(Array((retryPolicy?.stored ?? "").utf8))
        add(Array((uniqueKey ?? "").utf8))
        add(Array(tags.joined(separator: "\n").utf8))
        add(metadata?.json ?? [])
        return hex(hash.finalize().prefix(16))
    }

    /// Seconds from now, by our own clock, beyond which no moment can be right whatever Redis' clock says.
    private static let farthest = 366.0 * 86_400

    /// How long it waits as the scripts read it: ms, or the moment in ms behind an `@`.
    var waitWord: String { runAt.map { "@\($0.roundedUpMilliseconds)" } ?? "\(delay.inMilliseconds)" }

    /// About how many bytes the job is on the wire.
    var wireSize: Int { payload.count + type.utf8.count + (metadata?.json.count ?? 0) + 160 }
}
