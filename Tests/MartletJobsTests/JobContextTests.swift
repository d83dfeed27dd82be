// What a handler sees of its attempt, with a runtime of the test's own.

import Foundation
import Logging
import MartletJobs
import Synchronization
import Testing

/// A runtime that keeps what it is told.
private final class Notebook: JobRuntime {
    private struct State {
        var stop: StopReason?
        var progress: [JobProgress] = []
        var checkpoints: [[UInt8]] = []
    }
    private let state = Mutex(State())

    var stopReason: StopReason? { state.withLock { $0.stop } }
    var progress: [JobProgress] { state.withLock { $0.progress } }
    var checkpoints: [[UInt8]] { state.withLock { $0.checkpoints } }

    func stop(_ reason: StopReason) { state.withLock { $0.stop = reason } }
    func report(_ progress: JobProgress) { state.withLock { $0.progress.append(progress) } }

    @concurrent
    func save(checkpoint: [UInt8]) async throws { state.withLock { $0.checkpoints.append(checkpoint) } }
}

private struct Place: Codable, Equatable, Sendable {
    var z = 1
    var a = 2
}

@Suite struct JobContextTests {
    private func context(
        attempt: Int = 1, checkpoint: [UInt8]? = nil, _ runtime: Notebook = Notebook()
    ) throws -> JobContext {
        let facts = JobAttempt(
            id: try #require(JobID("x")), type: "t", queue: "q", token: "4:n", claims: 4, attempt: attempt,
            maxRetries: 3, priority: 9, checkpoint: checkpoint)
        return JobContext(facts, logger: Logger(label: "test"), runtime: runtime)
    }

    @Test func `the facts of the attempt are there by name`() throws {
        let context = try context()
        #expect(context.id == JobID("x"))
        #expect(context.type == "t" && context.queue == "q" && context.token == "4:n")
        #expect(context.claims == 4 && context.priority == 9 && context.deadline == nil)
    }

    @Test(arguments: [(1, false), (3, false), (4, true)])
    func `the last attempt is marked as the last`(attempt: Int, isLast: Bool) throws {
        #expect(try context(attempt: attempt).isLastAttempt == isLast)
    }

    @Test func `a stop is thrown by checkStop`() throws {
        let runtime = Notebook()
        let context = try context(runtime)
        try context.checkStop()
        runtime.stop(.pause)
        #expect(context.stopReason == .pause)
        #expect(throws: CancellationError.self) { try context.checkStop() }
    }

    @Test func `a cancelled task is a stop too`() async throws {
        let context = try context()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            try context.checkStop()
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `progress and checkpoints go to the runtime, checkpoints as JSON with sorted keys`() async throws {
        let runtime = Notebook()
        let context = try context(runtime)
        context.progress(5, of: 10, rate: 2)
        try await context.save(Place())
        #expect(runtime.progress == [JobProgress(completed: 5, total: 10, rate: 2)])
        #expect(runtime.checkpoints.map { String(decoding: $0, as: UTF8.self) } == ["{\"a\":2,\"z\":1}"])
    }

    @Test func `a checkpoint is read back, a missing one is nil, a foreign one throws`() throws {
        #expect(try context(checkpoint: Array("{\"a\":2,\"z\":1}".utf8)).checkpoint() == Place())
        #expect(try context().checkpoint(as: Place.self) == nil)
        #expect(throws: DecodingError.self) { try context(checkpoint: [1]).checkpoint(as: Place.self) }
    }

    @Test func `outcomes and advice are distinguished`() {
        let outcomes: [JobOutcome] = [
            .retry(after: .seconds(1), reason: "a"), .retry(after: .seconds(2), reason: "a"), .discard(reason: "a"),
            .snooze(.seconds(1)), .release(), .release(after: .seconds(1)),
            .throttled(key: "h:a", after: .seconds(1), reason: "a"),
            .throttled(key: "h:b", after: .seconds(1), reason: "a"),
        ]
        for (index, outcome) in outcomes.enumerated() {
            #expect(outcomes.firstIndex(of: outcome) == index)
        }
        let advice: [RetryAdvice] = [.byPolicy, .after(.seconds(1)), .never, .release(after: .seconds(1)), .uncharged]
        for (index, one) in advice.enumerated() { #expect(advice.firstIndex(of: one) == index) }
    }
}
