// A stored job, and the table that maps short field names to their meaning.

public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// The fields of a job's hash; the names are short because they are stored a million times.
enum JobField: String, Sendable, CaseIterable {
    case type = "t"
    case payload = "p"
    /// Absent when 0.
    case priority = "r"
    /// Absent when 3.
    case maxRetries = "m"
    /// `base:factor:cap:jitter`; absent for the standard policy.
    case retryPolicy = "b"
    /// Milliseconds.
    case timeout = "x"
    case uniqueKey = "u"
    /// The digest of the request; only if the caller chose the id.
    case digest = "d"
    /// Milliseconds; only if the id does not contain the time.
    case createdAt = "n"
    /// One per line.
    case tags = "y"
    case metadata = "a"
    /// The name of the producer; only if other producers must not read the job.
    case owner = "i"
    /// `<claims>:<nonce>` while active, with a trailing star when finishing needs extra work (a unique key, a digest, a
    /// stop request); with a leading minus when spent.
    case token = "k"
    /// The position of an active or paused job: when it became or becomes runnable, in ms; after a space, when it was
    /// last claimed.
    case place = "at"
    case failures = "f"
    /// The number of workers lost with the job; after a space, how many of them before its last accepted checkpoint.
    case lost = "l"
    case error = "e"
    case output = "o"
    /// `completed/total/rate`.
    case progress = "g"
    case checkpoint = "c"
    /// `pause:<ms>` or `cancel:<ms>`: the stop request of an active job.
    case wanted = "w"
    /// Milliseconds: when the visible state last changed, unless index or other fields show it.
    case changedAt = "v"
    /// Milliseconds: since when no worker that claimed the job had a handler for its type.
    case unknownSince = "s"
}

extension JobField {
    /// Who sets a field first.
    enum Writer: Sendable { case producer, claim, worker, end, control }

    /// Who sets it first.
    var writer: Writer {
        switch self {
        case .type, .payload, .priority, .maxRetries, .retryPolicy, .timeout, .uniqueKey, .digest, .createdAt, .tags,
            .metadata, .owner:
            .producer
        case .token, .place: .claim
        case .progress, .checkpoint: .worker
        case .failures, .lost, .error, .output, .changedAt, .unknownSince: .end
        case .wanted: .control
        }
    }

    /// Whether the end of an attempt has more to look at than the token of a job that has it.
    var needsMore: Bool {
        switch self {
        case .uniqueKey, .digest, .wanted: true
        default: false
        }
    }
}

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
    public var type: String
    /// The payload's bytes.
    public var payload: [UInt8]
    /// −1000 to 1000; larger runs first.
    public var priority: Int
    /// The number of retries after the first attempt.
    public var maxRetries: Int
    /// The delay before each retry.
    public var retryPolicy: RetryPolicy
    /// The time limit of one attempt; `nil` is unlimited.
    public var timeout: Duration?
    /// The key that no other unfinished job may hold.
    public var uniqueKey: String?
    /// The labels from the push.
    public var tags: [String]
    /// The JSON object from the push.
    public var metadata: [UInt8]?
    /// The producer's name, if only it may read the job.
    public var owner: String?
    /// How often the job was claimed.
    public var claims: Int
    /// The number of failed attempts.
    public var failures: Int
    /// The number of workers lost with the job since it was pushed or manually retried.
    ///
    /// Only losses since its last accepted checkpoint count towards poison.
    public var lost: Int
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
    /// Parses `{state, score, hash as flat list, id?}` from the script `read`; `nil` for a missing job.
    init?(_ value: RedisValue, id: JobID? = nil, queue: QueueName, now: Int) throws(QueueError) {
        guard let parts = value.array else { return nil }
        guard parts.count >= 3, let state = parts[0].string.flatMap(JobState.init), let place = parts[1].string,
            let pairs = parts[2].array, let name = id?.description ?? parts.dropFirst(3).first?.string
        else { throw QueueError.broken("read", value) }
        // An index may contain an invalid id; it must not hide other jobs.
        guard let id = id ?? JobID(stored: name) else { return nil }
        let fields = JobFields(pairs)
        let runnableSince = parts.count > 4 ? parts[4].string.flatMap { Int($0) } : nil
        self.init(fields, id: id, queue: queue, state: state, place: place, runnableSince: runnableSince, now: now)
    }

    private init(
        _ fields: JobFields, id: JobID, queue: QueueName, state: JobState, place: String, runnableSince: Int?, now: Int
    ) {
        let score = Int(place: place) ?? 0
        self.id = id
        self.queue = queue
        self.state = state
        self.place = place
        type = fields.text(.type) ?? ""
        payload = fields.bytes(.payload) ?? []
        priority = fields.int(.priority)?.asPriority ?? 0
        maxRetries = fields.int(.maxRetries)?.asCount ?? Self.defaultMaxRetries
        retryPolicy = fields.retryPolicy
        timeout = fields.int(.timeout).map { .milliseconds($0.asWait) }
        uniqueKey = fields.text(.uniqueKey)
        tags = fields.text(.tags).map { $0.split(separator: "\n").map(String.init) } ?? []
        metadata = fields.bytes(.metadata)
        owner = fields.text(.owner)
        claims = fields.claims
        failures = fields.int(.failures)?.asCount ?? 0
        lost = fields.bytes(.lost).flatMap(Losses.init)?.all ?? 0
        // The error of an earlier attempt does not belong to a completed job.
        error = state == .completed ? nil : fields.text(.error)
        output = fields.bytes(.output)
        progress = fields.text(.progress).flatMap(JobProgress.init(stored:))
        checkpoint = fields.bytes(.checkpoint)
        wanted = fields.wanted
        createdAt = fields.createdAt(of: id) ?? Date(milliseconds: now)
        startedAt = fields.claimedAt
        finishedAt = state.isFinal ? Date(milliseconds: score) : nil
        dueAt = state.index == .delayed ? Date(milliseconds: score) : nil
        leaseUntil = state == .active ? Date(milliseconds: score) : nil
        readAt = Date(milliseconds: now)
        let moments = [
            createdAt, startedAt, fields.changedAt, state.isFinal || state == .paused ? Date(milliseconds: score) : nil,
            // A promoted job changed when it became due.
            runnableSince.map { Date(milliseconds: min($0, now)) },
        ]
        updatedAt = moments.compactMap(\.self).max() ?? createdAt
    }
}

/// The fields of one job's hash, as read from Redis.
struct JobFields {
    private var values: [String: [UInt8]] = [:]

    /// Parses a flat list of names and values.
    init(_ pairs: [RedisValue]) {
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let name = pairs[index].string else { continue }
            values[name] = pairs[index + 1].bytes
        }
    }

    func bytes(_ field: JobField) -> [UInt8]? { values[field.rawValue] }
    func text(_ field: JobField) -> String? { bytes(field).map { String(decoding: $0, as: UTF8.self) } }
    func int(_ field: JobField) -> Int? { text(field).flatMap { Int($0) } }

    var claims: Int {
        guard let token = text(.token) else { return 0 }
        return Int(token.drop { $0 == "-" }.prefix { $0 != ":" })?.asLedgerCount ?? 0
    }

    var claimedAt: Date? {
        guard let words = text(.place)?.split(separator: " "), words.count == 2 else { return nil }
        return Int(words[1]).map { Date(milliseconds: $0) }
    }

    var changedAt: Date? { int(.changedAt).map { Date(milliseconds: $0) } }

    var retryPolicy: RetryPolicy { text(.retryPolicy).flatMap(RetryPolicy.init(stored:)) ?? .standard }

    var wanted: StopReason? {
        text(.wanted).flatMap { StopReason(rawValue: String($0.prefix { $0 != ":" })) }
    }

    func createdAt(of id: JobID) -> Date? { int(.createdAt).map { Date(milliseconds: $0) } ?? id.generatedAt }
}

extension Int {
    /// The number clamped to a valid count.
    var asCount: Int { Swift.min(Swift.max(self, 0), Int(Int32.max)) }
    /// The number clamped to a valid priority.
    var asPriority: Int { Swift.min(Swift.max(self, Schema.priorities.lowerBound), Schema.priorities.upperBound) }
    /// The number as a delay in milliseconds, clamped to 1 ms to a year.
    var asWait: Int { Swift.min(Swift.max(self, 1), Schema.longestWait) }
}

/// The field `l`: all losses, and those that count towards poison.
struct Losses {
    var all: Int
    var inARow: Int

    init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard let first = words.first, let all = Int(first)?.asCount else { return nil }
        self.all = all
        inARow = max(0, all - (words.dropFirst().first.flatMap { Int($0) }?.asCount ?? 0))
    }
}

extension Date {
    /// The milliseconds that calendars can represent, the years 1 to 9999; stored values may be anything.
    private static let range = -62_135_596_800_000...253_402_300_799_999

    init(milliseconds: Int) {
        let bounded = min(max(milliseconds, Self.range.lowerBound), Self.range.upperBound)
        self.init(timeIntervalSince1970: Double(bounded) / 1000)
    }
}

extension JobProgress {
    /// `completed/total/rate`, the last two empty when unknown.
    package var stored: String {
        // A rate may be the result of a handler's division; non-finite values are dropped.
        let rate = self.rate.flatMap { (0...1e15).contains($0) ? String(Int64($0.rounded())) : nil }
        return "\(Self.bounded(completed))/\(total.map { String(Self.bounded($0)) } ?? "")/\(rate ?? "")"
    }

    /// A number within the exact range of doubles, so that computations with it cannot overflow.
    private static func bounded(_ units: Int64) -> Int64 { min(max(units, 0), 1 << 53) }

    /// Parses the form of ``stored``; `nil` for any other text.
    package init?(stored text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let completed = Int64(parts[0]) else { return nil }
        // A rate is stored as an integer.
        let rate = Double(parts[2]).flatMap { (0...1e15).contains($0) ? $0.rounded() : nil }
        self.init(completed: Self.bounded(completed), total: Int64(parts[1]).map(Self.bounded), rate: rate)
    }
}

extension RetryPolicy {
    /// `base:factor:cap:jitter`, durations in ms.
    package var stored: String { "\(base.inMilliseconds):\(factor):\(cap.inMilliseconds):\(jitter)" }

    /// Parses the form of ``stored``; `nil` for any other text.
    package init?(stored text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 4, let base = Int(parts[0]), let factor = Double(parts[1]), let cap = Int(parts[2]),
            let jitter = Double(parts[3])
        else { return nil }
        self.init(base: .milliseconds(base), factor: factor, cap: .milliseconds(cap), jitter: jitter)
    }
}
