// Operators' verbs on jobs, in batches; each job is decided separately.

public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// An operator's verb on a job.
///
/// ```swift
/// let verdict = try await queue.control(.patch(priority: 10, start: .after(.seconds(60)), maxRetries: nil), id)
/// ```
public enum ControlVerb: Sendable, Hashable {
    /// Pause it; a running job is asked to stop and keeps its position.
    case pause
    /// Resume it at its old position.
    case resume
    /// Cancel it; a running job is asked to stop and never started again.
    case cancel
    /// Run a failed or cancelled job again, as new.
    case retry
    /// Run a scheduled or retrying job now.
    case run
    /// Delete a finished job.
    case delete
    /// Change the values that are not `nil`: priority (−1000 to 1000), start time, retries (0 to 100).
    case patch(priority: Int?, start: JobStart?, maxRetries: Int?)

    /// The verb's name in every interface.
    public var name: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .cancel: "cancel"
        case .retry: "retry"
        case .run: "run"
        case .delete: "delete"
        case .patch: "patch"
        }
    }

    /// Changes only the priority.
    ///
    /// - Parameter value: −1000 to 1000; larger runs first.
    /// - Returns: the verb.
    public static func priority(_ value: Int) -> ControlVerb { .patch(priority: value, start: nil, maxRetries: nil) }
}

/// When a job may run.
///
/// ```swift
/// let inAnHour = ControlVerb.patch(priority: nil, start: .after(.seconds(3600)), maxRetries: nil)
/// let atMidnight = ControlVerb.patch(priority: nil, start: .at(midnight), maxRetries: nil)
/// ```
public enum JobStart: Sendable, Hashable {
    /// After this delay, at most 365 days.
    case after(Duration)
    /// At this time by Redis' clock, at most 365 days ahead; a time in the past means at once.
    case at(Date)
}

/// The result of a verb on one job.
///
/// ```swift
/// switch try await queue.control(.cancel, id) {
/// case .done: print("cancelled")
/// case .asked: print("running; it is asked to stop")
/// case .refused(let state): print("not possible: it is \(state)")
/// case .missing, .invalid, .uniqueKeyTaken: print("no such job")
/// }
/// ```
public enum ControlVerdict: Sendable, Hashable {
    /// Done, now or before; the job is in this state, `nil` when it was deleted.
    case done(JobState?)
    /// The running job was asked to stop; it stops or finishes first.
    case asked
    /// Not allowed in this state.
    case refused(JobState)
    /// There is no such job.
    case missing
    /// A value is out of range; the value names the field.
    case invalid(String)
    /// Another unfinished job holds its unique key.
    case uniqueKeyTaken(by: JobID)
}

/// The result of a verb on one job, and whether this call changed the job.
package struct ControlResult: Sendable, Hashable {
    package var verdict: ControlVerdict
    package var isChanged: Bool

    package init(verdict: ControlVerdict, isChanged: Bool) {
        self.verdict = verdict
        self.isChanged = isChanged
    }
}

extension Queue {
    /// Applies a verb to jobs, in order; at most 500 per request.
    ///
    /// Repeating it is safe.
    ///
    /// - Parameters:
    ///   - verb: the verb.
    ///   - ids: the jobs.
    /// - Returns: one result per job, in order.
    /// - Throws: ``QueueError``.
    public func control(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        try await results(of: verb, ids).map(\.verdict)
    }

    /// The same, with what this call has changed.
    package func results(of verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlResult] {
        var results: [ControlResult] = []
        for chunk in ids.chunks(of: Queue.batchLimit) {
            var arguments = verb.arguments(isDry: false)
            for id in chunk { arguments.append(id.description) }
            let value = try await run(.control, recording(arguments), ids: Array(chunk))
            guard let parts = value.array else { throw .broken("control", value) }
            results += try Self.results(parts, chunk.count)
        }
        return results
    }

    /// The results that ``control(_:_:)-(_,[JobID])`` would have, from the same script, without any change.
    ///
    /// At most 500 jobs per request. Requests do not know of each other, so two jobs with the same unique key may both
    /// seem possible to retry when they are far apart.
    ///
    /// - Parameters:
    ///   - verb: the verb.
    ///   - ids: the jobs.
    /// - Returns: one result per job, in order.
    /// - Throws: ``QueueError``.
    public func preview(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        var verdicts: [ControlVerdict] = []
        for chunk in ids.chunks(of: Queue.batchLimit) {
            var arguments = verb.arguments(isDry: true)
            for id in chunk { arguments.append(id.description) }
            guard let parts = try await read(.control, arguments) else { return ids.map { _ in .missing } }
            verdicts += try Self.results(parts, chunk.count).map(\.verdict)
        }
        return verdicts
    }

    private static func results(_ parts: [RedisValue], _ count: Int) throws(QueueError) -> [ControlResult] {
        guard parts.count == count + 1 else { throw .broken("control", .array(parts)) }
        var results: [ControlResult] = []
        for part in parts.dropFirst() {
            guard let verdict = ControlVerdict(part) else { throw .broken("control", part) }
            results.append(ControlResult(verdict: verdict, isChanged: part.array?.last == .integer(1)))
        }
        return results
    }

    /// Runs a failed or cancelled job again as new, with another payload; a queued job gets the payload and keeps its
    /// position.
    ///
    /// Repeating it is safe. One round trip.
    ///
    /// - Parameters:
    ///   - id: a failed or cancelled job.
    ///   - payload: the new payload, not empty.
    /// - Returns: the result.
    /// - Throws: ``QueueError``.
    public func retry(_ id: JobID, payload: [UInt8]) async throws(QueueError) -> ControlVerdict {
        var arguments = RedisArguments("retry")
        arguments.append(payload)
        for text in ["", "", id.description] { arguments.append(text) }
        let value = try await run(.control, recording(arguments), ids: [id])
        guard let part = value.array?.last, let verdict = ControlVerdict(part) else {
            throw .broken("control", value)
        }
        return verdict
    }

    /// Changes the payload of a job that does not run and has not completed, and other values with it.
    ///
    /// The old payload is kept in ``JobRecord/earlierPayloads``; progress and checkpoint, which belong to it, are removed.
    /// A failed or cancelled job keeps its state, and only its payload can be changed. One round trip; repeating it is
    /// safe.
    ///
    /// - Parameters:
    ///   - id: the job.
    ///   - payload: the new payload, 1 byte to 1 MiB.
    ///   - priority: −1000 to 1000; `nil` keeps it.
    ///   - start: when it may run; `nil` keeps it.
    ///   - maxRetries: 0 to 100; `nil` keeps it.
    /// - Returns: the result; ``ControlVerdict/refused(_:)`` for an active or completed job.
    /// - Throws: ``QueueError``.
    public func edit(
        _ id: JobID, payload: [UInt8], priority: Int? = nil, start: JobStart? = nil, maxRetries: Int? = nil
    ) async throws(QueueError) -> ControlVerdict {
        guard (1...NewJob.Limit.payload).contains(payload.count) else { return .invalid("payload") }
        let verb = ControlVerb.patch(priority: priority, start: start, maxRetries: maxRetries)
        var arguments = verb.arguments(isDry: false, name: "edit")
        arguments.append(payload)
        arguments.append(id.description)
        let value = try await run(.control, recording(arguments), ids: [id])
        guard let part = value.array?.last, let verdict = ControlVerdict(part) else {
            throw .broken("control", value)
        }
        return verdict
    }

    /// Applies a verb to one job.
    ///
    /// One round trip.
    ///
    /// - Parameters:
    ///   - verb: the verb.
    ///   - id: the job.
    /// - Returns: the result.
    /// - Throws: ``QueueError``.
    public func control(_ verb: ControlVerb, _ id: JobID) async throws(QueueError) -> ControlVerdict {
        try await control(verb, [id])[0]
    }
}

extension ControlVerb {
    fileprivate func arguments(isDry: Bool, name: String? = nil) -> RedisArguments {
        let word = (isDry ? "dry " : "") + (name ?? self.name)
        guard case .patch(let priority, let start, let retries) = self else { return RedisArguments(word, "", "", "") }
        return RedisArguments(
            word, priority.map(String.init) ?? "", start?.word ?? "",
            retries.map(String.init) ?? "")
    }
}

extension JobStart {
    /// The verb for the script.
    fileprivate var word: String {
        switch self {
        case .after(let delay): String(delay.inMilliseconds)
        case .at(let moment): "@\(moment.roundedUpMilliseconds)"
        }
    }
}

extension ControlVerdict {
    init?(_ value: RedisValue) {
        guard let parts = value.array, let word = parts.first?.string else { return nil }
        let detail = parts.dropFirst().first?.string
        switch word {
        case "done": self = .done(detail.flatMap(JobState.init))
        case "asked": self = .asked
        case "missing": self = .missing
        case "invalid": self = .invalid(detail ?? "")
        case "state":
            guard let state = detail.flatMap(JobState.init) else { return nil }
            self = .refused(state)
        case "unique":
            guard let holder = detail.flatMap({ JobID(stored: $0) }) else { return nil }
            self = .uniqueKeyTaken(by: holder)
        default: return nil
        }
    }
}
