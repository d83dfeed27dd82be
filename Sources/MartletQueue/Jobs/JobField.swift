// The table of a job's fields: their stored names, and who writes them.

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
    /// `traceparent`, and `tracestate` behind a line feed; only if the job was pushed within a trace.
    case trace = "z"
    /// The job's limit keys, one per line: `<weight> <key>`.
    case limits = "lk"
    /// The keys that the last claim took without the job's naming them: the number of claims, then as in `lk`.
    ///
    /// They count only while that claim holds the job.
    case implicitLimits = "lh"
    /// `<weight> <key>`: the limit that the job waits for while blocked, or waited for before it was queued again.
    case waitsFor = "lw"
    /// `<claims>:<nonce>` while active, with a trailing star when finishing needs extra work (a unique key, a digest,
    /// limit keys, a stop request); with a leading minus when spent.
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
    /// The last attempts that failed, the latest first; see `history.lua`.
    case attempts = "h"
    /// The last payloads that were replaced, the latest first.
    case earlierPayloads = "j"
}

extension JobField {
    /// Who sets a field first.
    enum Writer: Sendable { case producer, claim, worker, end, control }

    /// Who sets it first.
    var writer: Writer {
        switch self {
        case .type, .payload, .priority, .maxRetries, .retryPolicy, .timeout, .uniqueKey, .digest, .createdAt, .tags,
            .metadata, .owner, .trace, .limits:
            .producer
        case .token, .place, .implicitLimits, .waitsFor: .claim
        case .progress, .checkpoint: .worker
        case .failures, .lost, .error, .output, .changedAt, .unknownSince, .attempts: .end
        case .wanted, .earlierPayloads: .control
        }
    }

    /// Whether the end of an attempt has more to look at than the token of a job that has it.
    var needsMore: Bool {
        switch self {
        case .uniqueKey, .digest, .wanted, .limits, .implicitLimits: true
        default: false
        }
    }
}

extension JobField {
    /// The fields by the byte of their letter: parsing a job needs no hashing or comparing.
    private static let byLetter: [JobField?] = {
        var table = [JobField?](repeating: nil, count: 256)
        for field in allCases where field.rawValue.utf8.count == 1 {
            for byte in field.rawValue.utf8 { table[Int(byte)] = field }
        }
        return table
    }()

    /// The field with this stored name; almost all names are single letters.
    init?(_ name: RedisValue) {
        guard case .bytes(let bytes) = name, let first = bytes.first else { return nil }
        guard let field = bytes.count == 1 ? Self.byLetter[Int(first)] : name.string.flatMap(JobField.init(rawValue:))
        else { return nil }
        self = field
    }
}
