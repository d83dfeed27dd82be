// Why a command did not do what was asked: a sentence for people and an exit code for scripts.

import MartletChecks
import MartletQueue
import MartletRedis

/// The ways in which a command ends.
enum Ending: Int32, Sendable {
    case failed = 1
    /// Some of several things were done.
    case partial = 2
    /// The wait was over first.
    case timedOut = 3
    case authentication = 4
    case notFound = 5
    case wrongState = 6
    /// The awaited job failed or was cancelled.
    case jobFailed = 7
    case usage = 64
    /// The server or Redis cannot be reached.
    case unavailable = 69
    case configuration = 78

    /// A stable word for programs.
    var word: String {
        switch self {
        case .failed: "failed"
        case .partial: "partly-done"
        case .timedOut: "wait-timed-out"
        case .authentication: "not-allowed"
        case .notFound: "not-found"
        case .wrongState: "wrong-state"
        case .jobFailed: "job-failed"
        case .usage: "usage"
        case .unavailable: "unavailable"
        case .configuration: "configuration"
        }
    }
}

/// An error that ends a command.
struct CommandFailure: Error, Equatable {
    var code: Ending
    /// What is wrong and what to do, without a full stop if it is short.
    var message: String
    /// A stable word for programs: the server's where it gave one.
    var word: String

    init(_ code: Ending, _ message: String, word: String? = nil) {
        self.code = code
        self.message = message
        self.word = word ?? code.word
    }

    /// The failure that an error amounts to.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as StartRefusal: self.init(.configuration, error.description)
        case let error as ConfigurationError: self.init(.configuration, error.description)
        case let error as QueueError: self.init(Self.code(error), "Redis: \(error)")
        case let error as RedisError: self.init(Self.code(error), "Redis: \(error.message)")
        case let error as PrivateRedisServerError: self.init(.unavailable, error.description)
        default: self.init(.failed, SystemReason.text(error))
        }
    }

    private static func code(_ error: QueueError) -> Ending {
        switch error.kind {
        case .refused: .failed
        case .notExecuted(.denied): .authentication
        case .notExecuted, .unknown: .unavailable
        }
    }

    private static func code(_ error: RedisError) -> Ending {
        error.code == .authentication || error.code == .noPermission ? .authentication : .unavailable
    }

    /// The failure as people or programs read it.
    func shown(as format: OutputFormat) -> String {
        guard format != .table else { return "martlet: \(message)" }
        return JSON.fields([
            "code": .string(word), "message": .string(message), "exit_code": .integer(Int(code.rawValue)),
        ])
        .line
    }
}
