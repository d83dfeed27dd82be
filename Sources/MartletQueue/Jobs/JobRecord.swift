// A stored job as it is read.

public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// A job as the queue stores it.
///
/// ```swift
/// if let job = try await queue.job(id) {
///     print(job.state, job.attempt, job.error ?? "")
/// }
/// ```
public struct JobRecord: Sendable {
    /// The default number of retries.
    public static let defaultMaxRetries = 3

    /// The id, unique within the queue.
    public var id: JobID
    /// The queue.
    public var queue: QueueName
    /// The job's state.
    public var state: JobState
    /// The wire name.
    public var type = ""
    /// The payload's bytes.
    public var payload: [UInt8] = []
    /// −1000 to 1000; larger runs first.
    public var priority = 0
    /// The number of retries after the first attempt.
    public var maxRetries = JobRecord.defaultMaxRetries
    /// The delay before each retry.
    public var retryPolicy = RetryPolicy.standard
    /// The time limit of one attempt; `nil` is unlimited.
    public var timeout: Duration?
    /// The key that no other unfinished job may hold.
    public var uniqueKey: String?
    /// The labels from the push.
    public var tags: [String] = []
    /// The keys from the push by which the queue may limit what runs.
    public var limits: [LimitKey] = []
    /// The key whose limit the job waits for, while blocked.
    public var waitsFor: String?
    /// The JSON object from the push.
    public var metadata: [UInt8]?
    /// The producer's name, if only it may read the job.
    public var owner: String?
    /// Where in a trace it was pushed.
    public var trace: TraceContext?
    /// How often the job was claimed.
    public var claims = 0
    /// The number of failed attempts.
    public var failures = 0
    /// The number of workers lost with the job since it was pushed or manually retried.
    ///
    /// Only losses since its last accepted checkpoint count towards poison.
    public var lost = 0
    /// The last attempts that failed, the latest first; at most ten.
    public var attempts: [FailedAttempt] = []
    /// The last payloads that were replaced, the latest first; at most three.
    public var earlierPayloads: [EarlierPayload] = []
    /// The last error; `nil` once the job has completed.
    public var error: String?
    /// The output of a completed job, as JSON.
    public var output: [UInt8]?
    /// The job's progress.
    public var progress: JobProgress?
    /// The last checkpoint.
    public var checkpoint: [UInt8]?
    /// The stop requested while the job runs.
    public var wanted: StopReason?
    /// When it was pushed.
    public var createdAt: Date
    /// When it was last claimed.
    public var startedAt: Date?
    /// When it finished.
    public var finishedAt: Date?
    /// When it becomes due, while scheduled or retrying.
    public var dueAt: Date?
    /// When its lease ends, while active.
    public var leaseUntil: Date?
    /// When any of these fields last changed, by Redis' clock; never decreases.
    public var updatedAt: Date
    /// Redis' clock when the job was read.
    public var readAt: Date
    /// The position in its index, with the id: where the next page of a listing starts.
    var place: String

    /// The displayed attempt: failures + 1 while active or completed, otherwise the failures; 0 before the first claim.
    public var attempt: Int { state == .active || state == .completed ? failures + 1 : failures }
}

extension JobRecord {
    /// A job with nothing but its place; every other field has its default.
    init(id: JobID, queue: QueueName, state: JobState, place: String, createdAt: Date, readAt: Date) {
        self.id = id
        self.queue = queue
        self.state = state
        self.place = place
        self.createdAt = createdAt
        self.updatedAt = createdAt
        self.readAt = readAt
    }

    /// Parses `{state, score, hash as flat list, id?}` from the script `read`; `nil` for a missing job.
    init?(_ value: RedisValue, id: JobID? = nil, queue: QueueName, now: Int) throws(QueueError) {
        guard let parts = value.array else { return nil }
        guard parts.count >= 3, let state = parts[0].string.flatMap(JobState.init), let place = parts[1].string,
            let pairs = parts[2].array, let name = id?.description ?? parts.dropFirst(3).first?.string
        else { throw QueueError.broken("read", value) }
        // An index may contain an invalid id; it must not hide other jobs.
        guard let id = id ?? JobID(stored: name) else { return nil }
        let readAt = Date(milliseconds: now)
        self.init(
            id: id, queue: queue, state: state, place: place, createdAt: id.generatedAt ?? readAt, readAt: readAt)
        var changedAt: Date?
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let field = JobField(pairs[index]), case .bytes(let value) = pairs[index + 1] else { continue }
            read(field, StoredText(value), &changedAt)
        }
        let runnableSince = parts.count > 4 ? parts[4].string.flatMap { Int($0) } : nil
        // A promoted job changed when it became due.
        setTimes([changedAt, runnableSince.map { Date(milliseconds: min($0, now)) }])
    }

    /// A job of an index with only these fields; `nil` for an invalid id and a missing job.
    ///
    /// Every other field has its default, and so have its times, except for when it was pushed.
    init?(
        scanned name: RedisValue, in index: JobIndex, place: RedisValue, fields: [JobField],
        values: ArraySlice<RedisValue>, queue: QueueName, now: Int
    ) {
        // The type, which every job has, is the first field.
        guard let id = name.string.flatMap({ JobID(stored: $0) }), values.first?.bytes != nil else { return nil }
        let readAt = Date(milliseconds: now)
        self.init(
            id: id, queue: queue, state: index.state(hasStarted: false), place: place.string ?? "",
            createdAt: id.generatedAt ?? readAt, readAt: readAt)
        var changedAt: Date?
        for (field, value) in zip(fields, values) {
            guard case .bytes(let bytes) = value else { continue }
            read(field, StoredText(bytes), &changedAt)
        }
        state = index.state(hasStarted: claims > 0)
    }

    /// Reads one field of the hash.
    ///
    /// A new field does not compile before it has a case here.
    private mutating func read(_ field: JobField, _ value: StoredText, _ changedAt: inout Date?) {
        switch field {
        case .type: type = value.text
        case .payload: payload = value.bytes
        case .priority: priority = value.int?.asPriority ?? 0
        case .maxRetries: maxRetries = value.int?.asCount ?? Self.defaultMaxRetries
        case .retryPolicy: retryPolicy = RetryPolicy(stored: value.text) ?? .standard
        case .timeout: timeout = value.int.map { .milliseconds($0.asWait) }
        case .uniqueKey: uniqueKey = value.text
        case .createdAt: createdAt = value.date ?? createdAt
        case .tags: tags = value.text.split(separator: "\n").map(String.init)
        case .limits: limits = LimitKey.list(stored: value.text)
        case .waitsFor: waitsFor = state == .blocked ? LimitKey.list(stored: value.text).first?.name : nil
        case .metadata: metadata = value.bytes
        case .owner: owner = value.text
        case .trace: trace = TraceContext(stored: value.text)
        case .token: claims = value.claims
        case .place: startedAt = value.claimedAt
        case .failures: failures = value.int?.asCount ?? 0
        case .lost: lost = Losses(value.bytes)?.all ?? 0
        // The error of an earlier attempt does not belong to a completed job.
        case .error: error = state == .completed ? nil : value.text
        case .output: output = value.bytes
        case .progress: progress = JobProgress(stored: value.text)
        case .checkpoint: checkpoint = value.bytes
        case .wanted: wanted = value.wanted
        case .changedAt: changedAt = value.date
        case .attempts: attempts = FailedAttempt.list(stored: value.bytes)
        case .earlierPayloads: earlierPayloads = EarlierPayload.list(stored: value.bytes)
        // For the scripts and for claims only.
        case .digest, .unknownSince, .implicitLimits: break
        }
    }

    /// Sets what the index and the other fields say about times.
    private mutating func setTimes(_ others: [Date?]) {
        let score = Date(milliseconds: Int(place: place) ?? 0)
        finishedAt = state.isFinal ? score : nil
        dueAt = state.index == .delayed ? score : nil
        leaseUntil = state == .active ? score : nil
        let pausedAt = state == .paused ? score : nil
        updatedAt = ([startedAt, finishedAt, pausedAt] + others).compactMap(\.self).reduce(createdAt, max)
    }
}

/// A stored value and its readings.
private struct StoredText {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var int: Int? { Int(text) }
    var date: Date? { int.map { Date(milliseconds: $0) } }

    /// The number at the start of a token.
    var claims: Int { Int(text.drop { $0 == "-" }.prefix { $0 != ":" })?.asLedgerCount ?? 0 }

    /// The second word of a place.
    var claimedAt: Date? {
        let words = text.split(separator: " ")
        return words.count == 2 ? Int(words[1]).map { Date(milliseconds: $0) } : nil
    }

    var wanted: StopReason? { StopReason(rawValue: String(text.prefix { $0 != ":" })) }
}
