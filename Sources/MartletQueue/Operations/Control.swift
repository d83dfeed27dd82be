// What operators ask of single jobs, many at once, each judged by itself.

public import FoundationEssentials
public import MartletJobs
import MartletRedis

/// What an operator asks of a job.
public enum ControlVerb: Sendable, Hashable {
    /// Set it aside; a running job is asked to stop and keeps its place.
    case pause
    /// Bring it back at its old place in line.
    case resume
    /// End it; a running job is asked to stop and is never started again.
    case cancel
    /// Run a failed or cancelled job again, as new.
    case retry
    /// Run a scheduled or retrying job now.
    case run
    /// Forget a job that has ended.
    case delete
    /// Change what is not `nil`: priority (−1000 to 1000), when to run, retries (0 to 100).
    case patch(priority: Int?, start: JobStart?, maxRetries: Int?)

    /// The word that every surface uses.
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

    /// A change of priority alone.
    public static func priority(_ value: Int) -> ControlVerb { .patch(priority: value, start: nil, maxRetries: nil) }
}

/// When a job may run.
public enum JobStart: Sendable, Hashable {
    /// So long from now, at most 365 days.
    case after(Duration)
    /// At this moment by Redis' clock, at most 365 days away; one that has passed means at once.
    case at(Date)
}

/// What became of it for one job.
public enum ControlVerdict: Sendable, Hashable {
    /// Done, or so before already; the job is in this state, `nil` when it was deleted.
    case done(JobState?)
    /// The running job was asked to stop; it will, or it ends first.
    case asked
    /// Not possible in this state.
    case refused(JobState)
    /// No such job.
    case missing
    /// A value is out of its range; names the field.
    case invalid(String)
    /// Another job that has not ended holds its unique key.
    case uniqueKeyTaken(by: JobID)
}

extension Queue {
    /// Does a verb to each of the jobs, in their order, at most 500 for each script.
    ///
    /// Repeating it is safe.
    public func control(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        var verdicts: [ControlVerdict] = []
        for chunk in ids.chunks(of: Queue.batchLimit) {
            var arguments = verb.arguments(isDry: false)
            for id in chunk { arguments.append(id.description) }
            let value = try await run(.control, arguments, ids: Array(chunk))
            guard let parts = value.array else { throw .broken("control", value) }
            verdicts += try Self.verdicts(parts, chunk.count)
        }
        return verdicts
    }

    /// What ``control(_:_:)-(_,[JobID])`` would do to each of the jobs, by the same script, which writes nothing then.
    ///
    /// At most 500 jobs for each script. Between two scripts nothing is remembered, so two jobs with the same unique key may
    /// both seem possible to retry when they lie further apart.
    public func preview(_ verb: ControlVerb, _ ids: [JobID]) async throws(QueueError) -> [ControlVerdict] {
        var verdicts: [ControlVerdict] = []
        for chunk in ids.chunks(of: Queue.batchLimit) {
            var arguments = verb.arguments(isDry: true)
            for id in chunk { arguments.append(id.description) }
            guard let parts = try await read(.control, arguments) else { return ids.map { _ in .missing } }
            verdicts += try Self.verdicts(parts, chunk.count)
        }
        return verdicts
    }

    private static func verdicts(_ parts: [RedisValue], _ count: Int) throws(QueueError) -> [ControlVerdict] {
        guard parts.count == count + 1 else { throw .broken("control", .array(parts)) }
        var verdicts: [ControlVerdict] = []
        for part in parts.dropFirst() {
            guard let verdict = ControlVerdict(part) else { throw .broken("control", part) }
            verdicts.append(verdict)
        }
        return verdicts
    }

    /// Runs a failed or cancelled job again, as new and with another payload; one that is queued gets the payload and
    /// keeps its place.
    ///
    /// Repeating it is safe. One round trip.
    ///
    /// - Parameters:
    ///   - id: a job that has failed or was cancelled.
    ///   - payload: what the handler gets from now on, not empty.
    public func retry(_ id: JobID, payload: [UInt8]) async throws(QueueError) -> ControlVerdict {
        var arguments = RedisArguments("retry")
        arguments.append(payload)
        for text in ["", "", id.description] { arguments.append(text) }
        let value = try await run(.control, arguments, ids: [id])
        guard let part = value.array?.last, let verdict = ControlVerdict(part) else {
            throw .broken("control", value)
        }
        return verdict
    }

    /// Does a verb to one job.
    ///
    /// One round trip.
    public func control(_ verb: ControlVerb, _ id: JobID) async throws(QueueError) -> ControlVerdict {
        try await control(verb, [id])[0]
    }
}

extension ControlVerb {
    fileprivate func arguments(isDry: Bool) -> RedisArguments {
        let word = isDry ? "dry " + name : name
        guard case .patch(let priority, let start, let retries) = self else { return RedisArguments(word, "", "", "") }
        return RedisArguments(
            word, priority.map(String.init) ?? "", start?.word ?? "",
            retries.map(String.init) ?? "")
    }
}

extension JobStart {
    /// As the script reads it.
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
