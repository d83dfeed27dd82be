// The error type of queue operations, in three kinds that tell what to do next.

public import MartletJobs
import MartletRedis

/// A failed queue operation.
///
/// ```swift
/// do {
///     _ = try await queue.enqueue(NewJob(type: "report", payload: []))
/// } catch {
///     switch error.kind {
///     case .notExecuted: print("safe to repeat")
///     case .unknown: print("repeat with the same id")
///     case .refused: print("repeating does not help: \(error)")
///     }
/// }
/// ```
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// What is known of the operation.
    public enum Kind: Sendable, Hashable {
        /// Nothing happened; it may be repeated.
        case notExecuted(Reason)
        /// It may have happened; read the jobs by their ids, or repeat it with the same ids.
        case unknown
        /// It is impossible; repeating it changes nothing.
        case refused(Refusal)
    }

    /// Why nothing happened.
    public enum Reason: String, Sendable, Hashable {
        /// Redis is unreachable.
        case unavailable
        /// Redis is starting.
        case loading
        /// Redis is read-only.
        case readOnly = "read-only"
        /// Redis' memory is full.
        case full
        /// Another script occupies Redis, the script was killed before it wrote anything, or too many atomic pushes of
        /// this process wait.
        case busy
        /// Redis cannot write to its disk.
        case diskTrouble = "disk-trouble"
        /// Redis refused the credentials or a command.
        case denied
        /// Redis is part of a cluster, which Martlet does not support.
        case cluster
    }

    /// Why it is impossible.
    public enum Refusal: Sendable, Hashable {
        /// The queue was written by a newer version of Martlet.
        case newerSchema(String)
        /// A setting is unknown or out of range.
        case badSetting(String)
        /// The ageing step can change only while no job is queued.
        case stepInUse
        /// A value of a limit is out of its range: `name`, `concurrency`, `count`, `per`, `burst` or `until`, or `empty` where
        /// it has neither concurrency nor a rate.
        case badLimit(String)
        /// The queue has as many limits as it may; the value is that number.
        case tooManyLimits(Int)
        /// This process runs an isolated job (`runsOn: .process`), and its program pushed outside of that job.
        case besideJob
        /// The limit of queues is reached; the value is the limit.
        case tooManyQueues(Int)
        /// Redis' reply is not one of any Martlet version.
        case protocolBroken(String)
    }

    /// What is known of the operation.
    public var kind: Kind
    /// The affected jobs, as far as known.
    public var ids: [JobID]
    /// What happened.
    public var message: String
    /// The cause.
    public var underlying: (any Error)?
    /// The error of each queue, for an operation on several.
    package var byQueue: [QueueName: QueueError] = [:]

    package init(_ kind: Kind, ids: [JobID] = [], message: String, underlying: (any Error)? = nil) {
        self.kind = kind
        self.ids = ids
        self.message = message
        self.underlying = underlying
    }

    /// What happened and what is known.
    public var description: String {
        switch kind {
        case .notExecuted(let reason): "not executed (\(reason.rawValue)): \(message)"
        case .unknown: "outcome unknown: \(message)"
        case .refused: message
        }
    }
}

extension QueueError {
    /// Converts a transport error.
    init(_ error: RedisError, ids: [JobID] = []) {
        switch error.outcome {
        case .notExecuted:
            self.init(.notExecuted(Self.reason(error)), ids: ids, message: error.message, underlying: error)
        case .unknown:
            self.init(.unknown, ids: ids, message: error.message, underlying: error)
        case .verdict:
            self.init(.refused(.protocolBroken(error.message)), ids: ids, message: error.message, underlying: error)
        }
    }

    static func broken(_ script: String, _ value: RedisValue) -> QueueError {
        let message = "the script \(script) answered what it never should: \(String(describing: value).prefix(200))"
        return QueueError(.refused(.protocolBroken(script)), message: message)
    }

    private static func reason(_ error: RedisError) -> Reason {
        switch error.code {
        case .loading: .loading
        case .readOnly, .masterDown, .noReplicas: .readOnly
        case .outOfMemory: .full
        case .busy, .killed: .busy
        case .misconfigured: .diskTrouble
        case .authentication, .noPermission: .denied
        case .moved, .crossSlot, .clusterDown, .tryAgain: .cluster
        // The reason of the missing connection is more useful than its absence.
        case .notConnected: (error.underlying as? RedisError).map(reason) ?? .unavailable
        default: .unavailable
        }
    }
}

extension QueueError {
    /// Whether nothing was done.
    var isNotExecuted: Bool {
        if case .notExecuted = kind { true } else { false }
    }

    /// Whether the error is that of one queue, so that an operation on other queues may succeed.
    package var isOfOneQueue: Bool {
        switch kind {
        case .refused(.besideJob): false
        case .refused: true
        case .notExecuted, .unknown: false
        }
    }

    /// The same error in a call that had already done a part of its work.
    package var afterPart: QueueError {
        var copy = self
        if case .notExecuted = kind { copy.kind = .unknown }
        return copy
    }
}
