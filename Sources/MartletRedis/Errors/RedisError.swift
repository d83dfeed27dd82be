// The error type of the transport: what failed, and whether Redis may have executed the request.

/// A failure between this process and Redis.
///
/// After a failure it matters whether the request was executed; ``outcome-swift.property`` answers that. Texts never
/// contain passwords or request data.
///
/// ```swift
/// do {
///     _ = try await client.send(.command("SET", "greeting", "hello"))
/// } catch {
///     if error.outcome == .notExecuted { logger.warning("not stored, safe to repeat") }
/// }
/// ```
public struct RedisError: Error, Sendable {
    /// What is known about the failed request.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// Redis did not execute it; repeating it is safe.
        case notExecuted
        /// Redis may have executed it; only an idempotent request may be repeated.
        case unknown
        /// Redis answered with an error; repeating it gives the same answer.
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
    /// The source file that created the error.
    public var file: String { storage.file }
    /// The line in ``file``.
    public var line: UInt { storage.line }

    // One reference instead of six fields: replies travel as `Result`, whose size includes the error.
    private let storage: Storage

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - code: the kind of error.
    ///   - message: what happened, in one sentence, without secrets.
    ///   - outcome: what is known about the request; derived from `code` by default.
    ///   - underlying: the cause.
    ///   - file: the source file, for debugging.
    ///   - line: the source line, for debugging.
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
    /// What happened, whether Redis executed the request, and what to do.
    public var description: String {
        let effect =
            switch outcome {
            case .notExecuted: "not executed"
            case .unknown: "it is unknown whether it was executed"
            case .verdict: "refused"
            }
        return "Redis: \(message) (\(code.rawValue); \(effect)). \(code.advice)"
    }

    /// The description, the source location and the cause.
    public var debugDescription: String {
        guard let underlying else { return "\(description) [\(file):\(line)]" }
        return "\(description) [\(file):\(line)] because of: \(underlying)"
    }
}
