// Commands that SIGTERM and SIGINT end in order.

import UnixSignals

extension ProgramRun {
    /// Runs `body`; SIGTERM or SIGINT cancels it.
    ///
    /// - Returns: the value of `body`.
    /// - Throws: the errors of `body`; after a signal ``CommandFailure``, once `body` has cleaned up.
    package static func interruptible<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard let value = try await untilInterrupted(body) else { throw CommandFailure(.failed, "interrupted") }
        return value
    }

    /// Runs `body`; SIGTERM or SIGINT cancels it, and is how it is meant to end.
    ///
    /// - Returns: the value of `body`; `nil` after a signal, once `body` has cleaned up.
    /// - Throws: the errors of `body`.
    package static func untilInterrupted<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await _ in signals { return nil }
                return nil
            }
            defer { group.cancelAll() }
            // The first task to finish decides; leaving the group waits for the other's clean-up.
            return try await group.next() ?? nil
        }
    }
}
