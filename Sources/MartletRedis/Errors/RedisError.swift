// The one error type of the transport: what went wrong, and whether Redis may have acted on the request.

/// What went wrong between us and Redis.
///
/// The question that matters after a failure is whether the request took effect; ``outcome-swift.property`` answers it.
/// Texts never contain a password, nor the bytes of a request.
public struct RedisError: Error, Sendable {
    /// What is known about the request that failed.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// Redis did not act on it; sending it again is safe.
        case notExecuted
        /// Redis may have acted on it or not; only an idempotent request may be sent again.
        case unknown
        /// Redis looked at it and answered with an error; sending it again gives the same.
        case verdict
    }

    /// What is known about the request.
    public var outcome: Outcome { storage.outcome }
    /// The kind of error.
    public var code: Code { storage.code }
    /// What happened, in one sentence.
    public var message: String { storage.message }
    /// The error behind this one.
    public var underlying: (any Error)? { storage.underlying }
    /// The source file that made the error.
    public var file: String { storage.file }
    /// The line in ``file``.
    public var line: UInt { storage.line }

    // One reference instead of six fields: replies travel as results, and a result is as large as its error.
    private let storage: Storage

    /// An error of the kind `code`.
    ///
    /// - Parameters:
    ///   - code: the kind of error.
    ///   - message: what happened, in one sentence, without secrets.
    ///   - outcome: what is known about the request; by default what `code` usually means.
    ///   - underlying: the error behind this one.
    ///   - file: the source file that makes the error.
    ///   - line: the line in `file`.
    public init(
        _ code: Code, _ message: String, outcome: Outcome? = nil, underlying: (any Error)? = nil,
        file: String = #fileID, line: UInt = #line
    ) {
        storage = Storage(
            code: code, outcome: outcome ?? code.usualOutcome, message: message, underlying: underlying,
            file: file, line: line)
    }

    private final class Storage: Sendable {
        let code: Code
        let outcome: Outcome
        let message: String
        let underlying: (any Error)?
        let file: String
        let line: UInt

        init(
            code: Code, outcome: Outcome, message: String, underlying: (any Error)?, file: String, line: UInt
        ) {
            self.code = code
            self.outcome = outcome
            self.message = message
            self.underlying = underlying
            self.file = file
            self.line = line
        }
    }
}

extension RedisError: CustomStringConvertible, CustomDebugStringConvertible {
    /// What happened, whether Redis acted on it, and what to do.
    public var description: String {
        let effect =
            switch outcome {
            case .notExecuted: "not executed"
            case .unknown: "it is unknown whether it was executed"
            case .verdict: "refused"
            }
        return "Redis: \(message) (\(code.rawValue); \(effect)). \(code.advice)"
    }

    /// The description, the place in the source and the error behind it.
    public var debugDescription: String {
        guard let underlying else { return "\(description) [\(file):\(line)]" }
        return "\(description) [\(file):\(line)] because of: \(underlying)"
    }
}
