// Claiming: how a worker gets jobs, and how it gets them again when the reply was lost.

public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// One claim of a worker.
///
/// Send the same value again when its outcome is unknown: it is replayed, not executed twice.
public struct ClaimRequest: Sendable, Hashable {
    /// Who claims: an id that is random for each start of a process.
    public var worker: String
    /// Which call of this worker on this queue it is, from 1, always rising.
    public var number: Int
    /// The random part of the tokens that it hands out.
    public var nonce: String
    /// How many jobs at most, 1 to 128.
    public var upTo: Int
    /// How many of them may be in their last chance; see ``ClaimedJob/isInLastChance``.
    public var lastChances: Int

    /// A claim with a fresh nonce.
    public init(
        worker: String, number: Int, upTo: Int, lastChances: Int = 1, nonce: String = ClaimRequest.freshNonce()
    ) {
        self.worker = worker
        self.number = number
        self.nonce = nonce
        self.upTo = min(max(upTo, 1), 128)
        self.lastChances = min(max(lastChances, 0), 128)
    }

    /// A nonce for a worker that runs lost jobs in processes of their own: `i` before the digits says so.
    ///
    /// The loss of such a job by its worker's death says little against the job.
    package static func freshNonce(isolatesLostJobs: Bool) -> String {
        isolatesLostJobs ? "i" + freshNonce() : freshNonce()
    }

    /// 64 random bits as 16 hexadecimal digits.
    public static func freshNonce() -> String {
        let bits = UInt64.random(in: 0...UInt64.max)
        return hex((0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) })
    }
}

/// A job in the hands of a worker.
public struct ClaimedJob: Sendable {
    /// The id.
    public var id: JobID
    /// The proof that this worker holds it.
    public var token: String
    /// How often it was claimed, this time included.
    public var claims: Int
    /// The wire name.
    public var type: String
    /// Opaque bytes.
    public var payload: [UInt8]
    /// −1000 to 1000.
    public var priority: Int
    /// How many attempts failed before.
    public var failures: Int
    /// How many workers in a row were lost with it: since it was pushed, retried by hand, or saved its last checkpoint.
    public var lost: Int
    /// How often a failed attempt is tried again.
    public var maxRetries: Int
    /// How long to wait before each retry.
    public var retryPolicy: RetryPolicy
    /// How long the attempt may run.
    public var timeout: Duration?
    /// What an earlier attempt saved.
    public var checkpoint: [UInt8]?
    /// When it was pushed, as stored with the job; `nil` where its id tells.
    var storedCreation: Date?
    /// For people.
    public var tags: [String] = []
    /// A JSON object for people.
    public var metadata: JobMetadata?
    /// How long it had been runnable when it was claimed; `nil` when a lost claim was replayed.
    public var waited: Duration?
    /// How long it is that a worker first gave it back for not knowing its type; `nil` when the last one knew it.
    public var unknownFor: Duration?
}

extension ClaimedJob {
    /// Whether one more loss makes it poison.
    ///
    /// Whoever dies takes bystanders along; so of such jobs only one at a time runs beside others, or each in a process of
    /// its own.
    public var isInLastChance: Bool { lost >= 2 }
    /// When it was pushed, where that is known.
    public var createdAt: Date? { storedCreation ?? id.generatedAt }
}

/// What a claim brought.
public struct ClaimReply: Sendable {
    /// Why there are no more jobs than there are.
    public enum Status: String, Sendable, Hashable {
        /// There were no more.
        case ok
        /// The queue is paused.
        case paused
        /// The queue's limit is reached.
        case full
        /// A later call of the same worker was executed before.
        case stale
    }

    /// Why there are no more jobs than there are.
    public var status: Status
    /// The jobs, in the order in which they run.
    public var jobs: [ClaimedJob]
    /// How long each is held without a beat.
    public var lease: Duration
    /// When the next waiting job falls due; `nil` when unknown or when nothing waits.
    public var nextDue: Duration?
    /// Rises whenever a stop was asked of any active job of the queue.
    public var stops: Int
}

extension ClaimedJob {
    /// Reads `id, claims, place in line (empty in a replay), hash as flat list`; `nil` for a job whose id, type or payload
    /// cannot be read.
    init?(_ words: ArraySlice<RedisValue>, nonce: String, firstToken: String, now: Int) throws(QueueError) {
        let at = words.startIndex
        guard let name = words[at].string, let claims = words[at + 1].int, let pairs = words[at + 3].array else {
            throw .broken("turn", .array(Array(words)))
        }
        guard let id = JobID(stored: name) else { return nil }
        self.init(
            id: id, token: claims == 1 ? firstToken : "\(claims):\(nonce)", claims: claims, type: "", payload: [],
            priority: 0, failures: 0, lost: 0, maxRetries: JobRecord.defaultMaxRetries, retryPolicy: .standard)
        var hasPayload = false
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let field = pairs[index].jobField else { continue }
            hasPayload = hasPayload || field == .payload
            take(field, pairs[index + 1], now: now)
        }
        guard hasPayload, !type.isEmpty else { return nil }
        waited = words[at + 2].placeInMilliseconds.map { max(.zero, .milliseconds(now) - .milliseconds($0)) }
    }

    private mutating func take(_ field: JobField, _ value: RedisValue, now: Int) {
        switch field {
        case .type: type = value.string ?? ""
        case .payload: payload = value.bytes ?? []
        case .priority: priority = value.int?.asPriority ?? 0
        case .failures: failures = value.int?.asCount ?? 0
        case .lost: lost = value.bytes.flatMap(Losses.init)?.inARow ?? 0
        case .maxRetries: maxRetries = value.int?.asCount ?? JobRecord.defaultMaxRetries
        case .retryPolicy: retryPolicy = value.string.flatMap(RetryPolicy.init(stored:)) ?? .standard
        case .timeout: timeout = value.int.map { .milliseconds($0.asWait) }
        case .checkpoint: checkpoint = value.bytes
        case .createdAt: storedCreation = value.int.map { Date(milliseconds: $0) }
        case .unknownSince: unknownFor = value.int.map { max(.zero, .milliseconds(now) - .milliseconds($0)) }
        case .tags: tags = value.string.map { $0.split(separator: "\n").map(String.init) } ?? []
        case .metadata: metadata = value.bytes.map { JobMetadata(checked: $0) }
        case .uniqueKey, .digest, .owner, .token, .place, .error, .output, .progress, .wanted, .changedAt:
            break
        }
    }
}

extension RedisValue {
    /// The field of a job's hash with this name; all but one of them are single letters.
    fileprivate var jobField: JobField? {
        guard let name = bytes, let first = name.first else { return nil }
        if name.count == 1 { return JobField.byLetter[Int(first)] }
        return string.flatMap(JobField.init(rawValue:))
    }
}

extension JobField {
    /// The fields by the byte of their one letter: nothing is hashed nor compared when a job is read.
    fileprivate static let byLetter: [JobField?] = {
        var table = [JobField?](repeating: nil, count: 256)
        for field in allCases where field.rawValue.utf8.count == 1 {
            for byte in field.rawValue.utf8 { table[Int(byte)] = field }
        }
        return table
    }()
}
