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
    /// The server or Redis is away.
    case unavailable = 69
    case configuration = 78
}

/// An error that ends a command.
struct CommandFailure: Error, Equatable {
    var code: Ending
    /// What is wrong and what to do, without a full stop if it is short.
    var message: String

    init(_ code: Ending, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The failure that an error of ours amounts to; `nil` for errors that the argument parser knows to show.
    init?(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as StartRefusal: self.init(.configuration, error.description)
        case let error as ConfigurationError: self.init(.configuration, error.description)
        case let error as QueueError: self.init(Self.code(error), "Redis: \(error)")
        case let error as RedisError: self.init(.unavailable, "Redis: \(error.message)")
        case let error as PrivateRedisServerError: self.init(.unavailable, error.description)
        default: return nil
        }
    }

    private static func code(_ error: QueueError) -> Ending {
        if case .refused = error.kind { return .failed }
        return .unavailable
    }
}
