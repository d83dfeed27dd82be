// A handler closure over raw payload bytes, for jobs that are not JSON or that need no decoding.

public import MartletJobs

/// Runs jobs of one wire name with a closure that takes the payload as it was pushed.
///
/// ```swift
/// OnRaw("thumbnail") { payload, context in try await render(payload) }
/// ```
public struct OnRaw: Sendable, CustomStringConvertible {
    /// The wire name of the jobs.
    public let type: String
    /// The wire name and the source location of the closure.
    public let description: String
    /// Where the closure runs.
    public let runsOn: HandlerPlace
    let body: @concurrent @Sendable ([UInt8], JobContext) async throws -> [UInt8]?

    /// Creates a handler for jobs with the wire name `type`; they have no output.
    ///
    /// - Parameters:
    ///   - type: the wire name, 1 to 128 bytes without control characters.
    ///   - runsOn: where the closure runs; the worker's thread pool by default.
    ///   - fileID: the source file, for messages.
    ///   - line: the source line, for messages.
    ///   - body: runs one attempt with the payload's bytes; throws to fail it.
    public init(
        _ type: String, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        run body: @escaping @concurrent @Sendable ([UInt8], JobContext) async throws -> Void
    ) {
        self.type = type
        description = "OnRaw(\"\(type)\") at \(fileID):\(line)"
        self.runsOn = runsOn
        self.body = { payload, context in
            try await body(payload, context)
            return nil
        }
    }

    // A closure that never returns, behind the call, matches both; prefer the one without output.
    /// Creates a handler for jobs with the wire name `type` that returns their output as JSON text.
    ///
    /// ```swift
    /// OnRaw("echo", returning: { payload, _ in payload })
    /// ```
    ///
    /// - Parameters:
    ///   - type: the wire name, 1 to 128 bytes without control characters.
    ///   - runsOn: where the closure runs; the worker's thread pool by default.
    ///   - fileID: the source file, for messages.
    ///   - line: the source line, for messages.
    ///   - body: runs one attempt with the payload's bytes and returns the bytes of the output; throws to fail it.
    @_disfavoredOverload
    public init(
        _ type: String, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        returning body: @escaping @concurrent @Sendable ([UInt8], JobContext) async throws -> [UInt8]
    ) {
        self.type = type
        description = "OnRaw(\"\(type)\") at \(fileID):\(line)"
        self.runsOn = runsOn
        self.body = { payload, context in try await body(payload, context) }
    }
}
