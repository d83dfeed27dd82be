// What can go wrong between a caller and the queue, in three kinds that tell what to do next.

public import MartletJobs
import MartletRedis

/// A fault of a queue's operation.
public struct QueueError: Error, Sendable, CustomStringConvertible {
    /// What is known of the operation.
    public enum Kind: Sendable, Hashable {
        /// Nothing happened; it may be repeated.
        case notExecuted(Reason)
        /// It may have happened; ask for the jobs by their ids, or repeat it with the same ids.
        case unknown
        /// It cannot be done; repeating it changes nothing.
        case refused(Refusal)
    }

    /// Why nothing happened.
    public enum Reason: String, Sendable, Hashable {
        /// Redis cannot be reached.
        case unavailable
        /// Redis is starting.
        case loading
        /// Redis takes no writes here.
        case readOnly = "read-only"
        /// Redis' memory is full.
        case full
        /// A script of somebody else's keeps Redis busy, or somebody ended ours before it had written anything; or too many
        /// pushes of this process wait to go one at a time.
        case busy
        /// Redis cannot write to its disk.
        case diskTrouble = "disk-trouble"
        /// Redis refused the credentials or a command.
        case denied
        /// Redis is one node of a cluster, which Martlet does not speak to.
        case cluster
    }

    /// Why it cannot be done.
    public enum Refusal: Sendable, Hashable {
        /// The queue was written by a newer version of Martlet.
        case newerSchema(String)
        /// A setting is unknown or out of its range.
        case badSetting(String)
        /// The ageing step changes only while nothing waits.
        case stepInUse
        /// The process runs one job with `runsOn: .process`, and its program pushed outside of that job.
        case besideJob
        /// There are as many queues as there may be; names the limit.
        case tooManyQueues(Int)
        /// Redis answered something that no version of Martlet answers.
        case protocolBroken(String)
    }

    /// What is known of the operation.
    public var kind: Kind
    /// The jobs that it was about, as far as they are known.
    public var ids: [JobID]
    /// What happened, in words.
    public var message: String
    /// The fault below.
    public var underlying: (any Error)?

    init(_ kind: Kind, ids: [JobID] = [], message: String, underlying: (any Error)? = nil) {
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
    /// The queue's view of a transport fault.
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
        default: .unavailable
        }
    }
}

extension QueueError {
    /// The same fault in a call that had already done a part of its work.
    package var afterPart: QueueError {
        var copy = self
        if case .notExecuted = kind { copy.kind = .unknown }
        return copy
    }
}
