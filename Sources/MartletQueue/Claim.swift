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

    /// A claim with a fresh nonce.
    public init(worker: String, number: Int, upTo: Int, nonce: String = ClaimRequest.freshNonce()) {
        self.worker = worker
        self.number = number
        self.nonce = nonce
        self.upTo = min(max(upTo, 1), 128)
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
    /// How many workers in a row were lost with it.
    public var lost: Int
    /// How often a failed attempt is tried again.
    public var maxRetries: Int
    /// How long to wait before each retry.
    public var retryPolicy: RetryPolicy
    /// How long the attempt may run.
    public var timeout: Duration?
    /// What an earlier attempt saved.
    public var checkpoint: [UInt8]?
    /// When it was pushed, where that is known.
    public var createdAt: Date?
    /// How long it had been runnable when it was claimed; `nil` when a lost claim was replayed.
    public var waited: Duration?
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
    /// The jobs, in the order in which they shall run.
    public var jobs: [ClaimedJob]
    /// How long each is held without a beat.
    public var lease: Duration
    /// When the next waiting job falls due; `nil` when unknown or when nothing waits.
    public var nextDue: Duration?
    /// Rises whenever a stop was asked of any active job of the queue.
    public var stops: Int
}

extension Queue {
    /// Claims up to `request.upTo` jobs.
    ///
    /// One round trip; a repeat with the same request is replayed.
    public func claim(_ request: ClaimRequest) async throws(QueueError) -> ClaimReply {
        try ClaimReply(await run(.claim, request.arguments))
    }
}

extension ClaimRequest {
    var arguments: RedisArguments {
        var arguments = RedisArguments(worker)
        arguments.append(number)
        arguments.append(nonce)
        arguments.append(upTo)
        return arguments
    }
}

extension ClaimReply {
    init(_ value: RedisValue) throws(QueueError) {
        guard let parts = value.array, parts.count >= 4, let status = parts[0].string.flatMap(Status.init),
            let lease = parts[1].int, let due = parts[2].int, let stops = parts[3].int
        else { throw .broken("claim", value) }
        self.status = status
        self.lease = .milliseconds(lease)
        nextDue = due < 0 ? nil : .milliseconds(due)
        self.stops = stops
        jobs = []
        jobs.reserveCapacity(parts.count - 4)
        for part in parts.dropFirst(4) {
            guard let job = ClaimedJob(part) else { throw .broken("claim", part) }
            jobs.append(job)
        }
    }
}

extension ClaimedJob {
    /// Reads `{id, token, hash as flat list, ms waited?}`.
    init?(_ value: RedisValue) {
        guard let parts = value.array, parts.count >= 3, let id = parts[0].string.flatMap({ JobID($0) }),
            let token = parts[1].string, let pairs = parts[2].array
        else { return nil }
        let fields = JobFields(pairs)
        guard let type = fields.text(.type), let payload = fields.bytes(.payload) else { return nil }
        self.id = id
        self.token = token
        claims = Int(token.prefix { $0 != ":" }) ?? 0
        self.type = type
        self.payload = payload
        priority = fields.int(.priority) ?? 0
        failures = fields.int(.failures) ?? 0
        lost = fields.int(.lost) ?? 0
        maxRetries = fields.int(.maxRetries) ?? JobRecord.defaultMaxRetries
        retryPolicy = fields.retryPolicy
        timeout = fields.int(.timeout).map { .milliseconds($0) }
        checkpoint = fields.bytes(.checkpoint)
        createdAt = fields.createdAt(of: id)
        waited = parts.dropFirst(3).first?.int.map { .milliseconds($0) }
    }
}
