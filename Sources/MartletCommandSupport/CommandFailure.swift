// Why a command failed: a sentence for people and an exit code for scripts.

import MartletChecks
import MartletJSON
import MartletProcess
import MartletQueue
import MartletRedis

/// The exit codes of commands.
package enum CommandExitCode: Int32, Sendable {
    case failed = 1
    /// Some of several actions succeeded.
    case partial = 2
    /// The wait exceeded its limit.
    case timedOut = 3
    case authentication = 4
    case notFound = 5
    case wrongState = 6
    /// The awaited job failed or was cancelled.
    case jobFailed = 7
    case usage = 64
    /// The server or Redis is unavailable.
    case unavailable = 69
    case configuration = 78

    /// A stable code for programs.
    package var word: String {
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

/// An error that says by itself how it ends a command.
package protocol CommandFailureConvertible: Error {
    /// The sentence and the exit code.
    var commandFailure: CommandFailure { get }
}

/// An error that ends a command.
package struct CommandFailure: Error, Equatable {
    package var code: CommandExitCode
    /// What is wrong and what to do, without a full stop if it is short.
    package var message: String
    /// A stable word for programs: the server's where it gave one.
    package var word: String

    package init(_ code: CommandExitCode, _ message: String, word: String? = nil) {
        self.code = code
        self.message = message
        self.word = word ?? code.word
    }

    /// Converts any error.
    package init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as StartRefusal: self.init(.configuration, error.description)
        case let error as any CommandFailureConvertible: self = error.commandFailure
        case let error as QueueError: self.init(Self.code(error), "Redis: \(error)")
        case let error as RedisError: self.init(Self.code(error), "Redis: \(error.message)")
        case let error as PrivateRedisServerError: self.init(.unavailable, error.description)
        default: self.init(.failed, SystemReason.text(error))
        }
    }

    private static func code(_ error: QueueError) -> CommandExitCode {
        switch error.kind {
        case .refused: .failed
        case .notExecuted(.denied): .authentication
        case .notExecuted, .unknown: .unavailable
        }
    }

    private static func code(_ error: RedisError) -> CommandExitCode {
        error.code == .authentication || error.code == .noPermission ? .authentication : .unavailable
    }

    /// The failure as people or programs read it.
    ///
    /// - Parameters:
    ///   - format: the form of the command's answer; all forms but `table` are JSON.
    ///   - program: the name of the program, which stands before the sentence for people.
    package func shown(as format: OutputFormat, by program: String = "martlet") -> String {
        guard format != .table else { return "\(program): \(message)" }
        return JSONValue.fields([
            "code": .string(word), "message": .string(message), "exit_code": .integer(Int(code.rawValue)),
        ])
        .line
    }
}
