// HTTP responses for queue errors: plain messages for everybody, causes for operators.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension QueueError {
    /// The code in responses.
    var publicCode: String { HTTPProblem(self, isRead: false, showsCause: false).code.rawValue }

    /// Whether the operation may have been done.
    var mayBeDone: Bool {
        switch kind {
        case .unknown, .refused(.protocolBroken): true
        case .notExecuted, .refused: false
        }
    }

    /// The message without names, addresses or internal texts.
    var publicText: String {
        switch kind {
        case .notExecuted(.unavailable): "Redis cannot be reached"
        case .notExecuted(.loading): "Redis is loading its data"
        case .notExecuted(.readOnly): "Redis takes no writes here: it is a replica, or has too few replicas"
        case .notExecuted(.full): "Redis has too little memory left for more jobs"
        case .notExecuted(.busy): "Redis is busy with a script"
        case .notExecuted(.diskTrouble): "Redis cannot write to its disk"
        case .notExecuted(.denied): "Redis refused the server's credentials or a command"
        case .notExecuted(.cluster): "Redis is one node of a cluster"
        case .unknown: "the reply of Redis was lost"
        case .refused(.newerSchema): "the queue was written by a newer version of Martlet"
        case .refused(.badSetting(let name)): "\(name) is out of its range"
        case .refused(.badLimit(let what)): QueueError.rule(ofLimit: what)
        case .refused(.stepInUse), .refused(.besideJob), .refused(.tooManyQueues), .refused(.tooManyLimits): message
        case .refused(.protocolBroken): "Redis answered what was not expected"
        }
    }
}

extension HTTPProblem {
    /// Creates the response for a queue error.
    ///
    /// - Parameters:
    ///   - error: the error.
    ///   - isRead: whether the request only reads.
    ///   - showsCause: whether the caller may see Redis' address and error texts.
    init(_ error: QueueError, isRead: Bool, showsCause: Bool) {
        switch error.kind {
        case .notExecuted(let reason):
            self = .unavailable(ProblemCode(reason), "nothing was done: \(error.publicText)", "not-executed")
        case .unknown where isRead:
            self = .unavailable(.redisUnavailable, "nothing was done: \(error.publicText)", "not-executed")
        case .unknown:
            let detail = "it may have been done or not: \(error.publicText); ask for the ids, or send the same again"
            self = .unavailable(.outcomeUnknown, detail, "unknown")
                .with("ids", .array(error.ids.prefix(10_000).map { .string($0.description) }))
        case .refused(.badSetting(let name)):
            self = .invalid("/\(name)", "is out of its range")
            return
        case .refused(.badLimit(let what)):
            self = .invalid(LimitFields.pointer(what), error.publicText)
            return
        case .refused(.tooManyLimits): self = .invalid("?key", error.publicText)
        case .refused(.stepInUse):
            self = HTTPProblem(.stepInUse, error.publicText)
            return
        case .refused(.besideJob): self = .unavailable(.notHere, error.publicText, "not-executed")
        case .refused(.tooManyQueues(let limit)):
            self = HTTPProblem(.tooManyQueues, error.publicText).with("limit", .int(limit))
            return
        case .refused(.newerSchema): self = .unavailable(.newerSchema, error.publicText, "not-executed")
        case .refused(.protocolBroken):
            self = .unavailable(.redisBroken, error.publicText, isRead ? "not-executed" : "unknown")
        }
        if showsCause { self = with("cause", .string(error.message)) }
    }

    private static func unavailable(_ code: ProblemCode, _ detail: String, _ outcome: String) -> HTTPProblem {
        HTTPProblem(code, detail).with("outcome", .string(outcome)).with(.retryAfter, "1")
    }
}
