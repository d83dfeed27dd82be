// A handler as a closure over the payload's bytes: for jobs that are not JSON, or too many to be decoded for nothing.

public import MartletJobs

/// Runs jobs of one wire name by a closure that gets the payload as it was pushed.
///
/// ```swift
/// OnRaw("thumbnail") { payload, context in try await render(payload) }
/// ```
public struct OnRaw: Sendable, CustomStringConvertible {
    /// The wire name of the jobs.
    public let type: String
    /// The wire name and where the closure was written.
    public let description: String
    /// Where the closure runs.
    public let runsOn: HandlerPlace
    let body: @concurrent @Sendable ([UInt8], JobContext) async throws -> Void

    /// A handler for jobs of the wire name `type`; they have no result.
    public init(
        _ type: String, runsOn: HandlerPlace = .pool, fileID: String = #fileID, line: Int = #line,
        run body: @escaping @concurrent @Sendable ([UInt8], JobContext) async throws -> Void
    ) {
        self.type = type
        description = "OnRaw(\"\(type)\") at \(fileID):\(line)"
        self.runsOn = runsOn
        self.body = body
    }
}
