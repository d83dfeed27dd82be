// The messages between a worker and the process of an isolated job.

import FoundationEssentials
import MartletJobs
import MartletQueue

/// One message between a worker and the process of an isolated job.
enum IsolationFrame: Codable, Sendable {
    /// To the child, once: the job.
    case run(IsolatedJob)
    /// To the child: the job must stop, with the reason.
    case stop(StopReason)
    /// To the child: the result of saving the checkpoint with this number.
    case saved(number: Int, refusal: CheckpointError?)
    /// From the child: progress.
    case progress(completed: Int64, total: Int64?, rate: Double?)
    /// From the child: a checkpoint to save.
    case save(number: Int, checkpoint: Data)
    /// From the child, once: the handler's outcome.
    case ended(IsolatedEnd)
}

/// A claimed job, as sent to its isolated process.
struct IsolatedJob: Codable, Sendable {
    var id: String
    /// The worker's id, for log lines.
    var worker: String
    var queue: String
    var type: String
    var token: String
    var claims: Int
    var attempt: Int
    var maxRetries: Int
    var priority: Int
    var enqueuedAt: Date
    var payload: Data
    var checkpoint: Data?
    var tags: [String]
    var metadata: Data?
    /// Where in a trace the job was pushed, and the span of the attempt.
    var trace: String?
    var span: String?
    /// The time that is left for the attempt.
    var left: Duration?

    init(_ facts: JobAttempt, payload: [UInt8], worker: String, span: TraceContext? = nil) {
        id = facts.id.description
        self.worker = worker
        queue = facts.queue
        type = facts.type
        token = facts.token
        claims = facts.claims
        attempt = facts.attempt
        maxRetries = facts.maxRetries
        priority = facts.priority
        enqueuedAt = facts.enqueuedAt
        self.payload = Data(payload)
        checkpoint = facts.checkpoint.map { Data($0) }
        tags = facts.tags
        metadata = facts.metadata.map { Data($0.json) }
        trace = facts.trace?.stored
        self.span = span?.stored
        left = facts.deadline.map { $0 - .now }
    }

    /// The attempt as the handler sees it; `nil` for an invalid id.
    var facts: JobAttempt? {
        guard let id = JobID(stored: id) else { return nil }
        return JobAttempt(
            id: id, type: type, queue: queue, token: token, claims: claims, attempt: attempt, maxRetries: maxRetries,
            priority: priority, enqueuedAt: enqueuedAt, deadline: left.map { .now + $0 },
            checkpoint: checkpoint.map { Array($0) }, tags: tags,
            metadata: metadata.map { JobMetadata(checked: Array($0)) },
            trace: trace.flatMap(TraceContext.init(stored:)))
    }
}

/// A handler's outcome in a form that crosses processes.
enum IsolatedEnd: Codable, Sendable {
    case returned(Data?)
    /// The handler threw a ``MartletJobs/JobOutcome``.
    case said(JobOutcome)
    /// The handler threw another error: its text and its retry advice.
    case threw(text: String, advice: RetryAdvice)

    init(_ result: Result<[UInt8]?, any Error>) {
        switch result {
        case .success(let output): self = .returned(output.map { Data($0) })
        case .failure(let outcome as JobOutcome): self = .said(outcome)
        case .failure(let error):
            self = .threw(text: "\(error)", advice: (error as? any RetryAdvising)?.retryAdvice ?? .byPolicy)
        }
    }

    /// Returns the handler's output or throws its error.
    func output() throws -> [UInt8]? {
        switch self {
        case .returned(let output): return output.map { Array($0) }
        case .said(let outcome): throw outcome
        case .threw(let text, let advice): throw IsolatedError(description: text, retryAdvice: advice)
        }
    }
}

/// An error from the isolated process.
private struct IsolatedError: RetryAdvising, CustomStringConvertible {
    let description: String
    let retryAdvice: RetryAdvice
}

/// The isolated process ended before its handler did: a trap, a signal or an exit.
struct ProcessDied: Error, CustomStringConvertible {
    /// The exit status as `waitpid` returns it.
    let status: Int32

    /// How the process ended.
    var description: String {
        let signal = status & 0x7F
        guard signal != 0 else { return "its process exited with code \((status >> 8) & 0xFF)" }
        let names: [Int32: String] = [
            4: "SIGILL, a trap", 5: "SIGTRAP, a trap", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
            11: "SIGSEGV", 15: "SIGTERM",
        ]
        return "its process was killed by signal \(signal)" + (names[signal].map { " (\($0))" } ?? "")
    }
}
