// The codes of all problems.

import HTTPTypes
import MartletQueue

/// A stable code of a problem; ``status``, ``meaning`` and ``advice`` stand in one table.
enum ProblemCode: String, Sendable, CaseIterable {
    case malformedJSON = "malformed-json"
    case malformedHTTP = "malformed-http"
    case missingHost = "missing-host"
    case needsTLS = "needs-tls"
    case emptyBatch = "empty-batch"
    case invalidTrackID = "invalid-track-id"
    case unauthorized
    case forbidden
    case foreignHost = "foreign-host"
    case crossSite = "cross-site"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case tooSlow = "too-slow"
    case invalidState = "invalid-state"
    case idempotencyConflict = "idempotency-conflict"
    case idempotencyInProgress = "idempotency-in-progress"
    case uniqueKeyTaken = "unique-key-taken"
    case ambiguous
    case stepInUse = "step-in-use"
    case queueNotEmpty = "queue-not-empty"
    case countDiffers = "count-differs"
    case leaseLost = "lease-lost"
    case jobGone = "job-gone"
    case tooLarge = "too-large"
    case wrongType = "wrong-type"
    case encodedBody = "encoded-body"
    case invalidRequest = "invalid-request"
    case idempotencyKeyReused = "idempotency-key-reused"
    case tooManyQueues = "too-many-queues"
    case tooManyFailures = "too-many-failures"
    case tooManyRequests = "too-many-requests"
    case tooManyWaits = "too-many-waits"
    case tooManyStreams = "too-many-streams"
    case tooManyConnections = "too-many-connections"
    case headTooLarge = "head-too-large"
    case clientGone = "client-gone"
    case `internal`
    case redisUnavailable = "redis-unavailable"
    case redisLoading = "redis-loading"
    case redisReadOnly = "redis-read-only"
    case redisFull = "redis-full"
    case redisBusy = "redis-busy"
    case redisDiskTrouble = "redis-disk-trouble"
    case redisDenied = "redis-denied"
    case redisCluster = "redis-cluster"
    case redisBroken = "redis-broken"
    case outcomeUnknown = "outcome-unknown"
    case newerSchema = "newer-schema"
    case notHere = "not-here"
    case notReady = "not-ready"
    case notAlive = "not-alive"
    case shuttingDown = "shutting-down"
    case bodiesFull = "bodies-full"
    case answersFull = "answers-full"
    case pagesFull = "pages-full"
    case waitsFull = "waits-full"
    case streamsFull = "streams-full"
    case serverFull = "server-full"

    /// The reference to the page that explains the code: the `type` of its problems.
    var page: String { "/problems/\(rawValue)" }

    /// The code of a reason why Redis did nothing.
    init(_ reason: QueueError.Reason) {
        self =
            switch reason {
            case .unavailable: .redisUnavailable
            case .loading: .redisLoading
            case .readOnly: .redisReadOnly
            case .full: .redisFull
            case .busy: .redisBusy
            case .diskTrouble: .redisDiskTrouble
            case .denied: .redisDenied
            case .cluster: .redisCluster
            }
    }
}

extension ProblemCode {
    /// Codes of the connection, which stand before every route.
    static let connection: [ProblemCode] = [
        .malformedHTTP, .missingHost, .needsTLS, .tooSlow, .headTooLarge, .tooManyConnections, .serverFull,
    ]
    /// Codes of Redis, which each route can have that asks it.
    static let redis: [ProblemCode] = [
        .redisUnavailable, .redisLoading, .redisReadOnly, .redisFull, .redisBusy, .redisDiskTrouble, .redisDenied,
        .redisCluster, .redisBroken, .newerSchema, .notHere,
    ]
}
