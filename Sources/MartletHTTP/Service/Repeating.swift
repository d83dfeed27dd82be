// Writes that fail halfway: repeated once if that is safe, and never reported as not done when something was.

import MartletJSON
import MartletJobs
import MartletQueue

/// A queue error in a write, with additional members of the response.
struct WriteError: Error {
    var error: QueueError
    /// More members of the response.
    var more: [(key: String, value: JSONOutput)] = []
}

/// Runs an idempotent write; repeats it once after a lost reply.
///
/// `write` is told whether it is the repeat. The first error is thrown: the second attempt may have failed before it
/// was sent.
func repeatedOnce<Value>(
    _ write: (_ isRepeat: Bool) async throws(QueueError) -> Value
) async throws(QueueError) -> Value {
    do throws(QueueError) { return try await write(false) } catch {
        guard error.kind == .unknown else { throw error }
        do throws(QueueError) { return try await write(true) } catch _ { throw error }
    }
}

/// Repeats an idempotent write in the background until Redis has answered, with growing pauses of at most 2 s.
///
/// - Parameter limit: how long it is repeated; the longest lease by default, after which claimed jobs come back by
///   themselves.
/// - Returns: the answer; `nil` when Redis refused the write or did not answer in time.
func repeatedUntilAnswered<Value>(
    within limit: Duration = .seconds(QueueSettingsChange.leaseSeconds.upperBound),
    _ write: () async throws(QueueError) -> Value
) async -> Value? {
    let end = ContinuousClock.now + limit
    var pause = Duration.milliseconds(50)
    while ContinuousClock.now < end {
        do throws(QueueError) { return try await write() } catch {
            if case .refused = error.kind { return nil }
        }
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(2))
    }
    return nil
}

/// Runs the reads before a write: when they fail, nothing was done.
func beforeWriting<Value>(_ read: () async throws -> Value) async throws -> Value {
    do { return try await read() } catch let error as QueueError { throw error.beforeWriting }
}

extension QueueError {
    /// The error of a read, told as that of the write that was to follow: nothing was done.
    var beforeWriting: QueueError {
        guard kind == .unknown else { return self }
        var copy = self
        copy.kind = .notExecuted(.unavailable)
        return copy
    }

    /// The error of work that was not attempted, because Redis had already failed.
    var asNotAttempted: QueueError {
        var copy = self
        copy.kind = .notExecuted(.unavailable)
        copy.message = "not tried, because Redis did not answer before"
        return copy
    }
}

extension Queue {
    /// Applies a verb to the jobs, with one repeat after a lost reply.
    func apply(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        try await changes(by: verb, ids).map(\.verdict)
    }

    /// The same, with what was changed; what a lost first attempt did counts as unchanged, except for deletions.
    func changes(by verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlResult] {
        try await repeatedOnce { isRepeat throws(QueueError) in
            let results = try await results(of: verb, ids)
            // The lost first attempt may have deleted it.
            guard verb == .delete, isRepeat else { return results }
            return results.map {
                $0.verdict == .missing ? ControlResult(verdict: .done(nil), isChanged: true) : $0
            }
        }
    }

    /// The expected results of a verb; an error means that nothing was done.
    func look(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        do throws(QueueError) { return try await preview(verb, ids) } catch { throw error.beforeWriting }
    }

    /// Changes a queue with an idempotent operation; an error names the queue.
    func change(
        _ write: (Queue) async throws(QueueError) -> Void
    ) async throws(WriteError) {
        do throws(QueueError) {
            try await repeatedOnce { _ throws(QueueError) in try await write(self) }
        } catch {
            throw WriteError(error: error, more: [("queue", .string(name.description))])
        }
    }

    /// Reads the state after a change; an error does not undo the change.
    func afterChange<Value>(
        _ read: (Queue) async throws(QueueError) -> Value
    ) async throws(WriteError) -> Value {
        do throws(QueueError) { return try await read(self) } catch {
            throw WriteError(error: error.afterPart, more: [("queue", .string(name.description))])
        }
    }
}
