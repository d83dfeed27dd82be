// How a worker over HTTP ends an attempt, read from a body.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// The end of an attempt as a worker names it.
enum ClaimEnd: Sendable {
    case complete(result: [UInt8]?)
    case fail(error: String, isRetryable: Bool, after: Duration?)
    case release(after: Duration?, reason: String?)
    case snooze(Duration)
    case throttle(key: String, after: Duration, reason: String?)

    /// The words of the bulk route, which are those of the paths.
    static let words = ["complete", "fail", "release", "snooze", "throttle"]

    /// Reads the members of `word`; `nil` with errors in `fields`.
    init?(_ word: String, _ fields: inout Fields) {
        switch word {
        case "complete":
            self = .complete(result: fields.value("result").map { Self.kept($0) })
        case "fail":
            let error = Self.error(&fields)
            let isRetryable = fields.read(ClaimEndField.isRetryable) ?? true
            let after = fields.read(ClaimEndField.retryAfter)
            guard let error else { return nil }
            self = .fail(error: error, isRetryable: isRetryable, after: after)
        case "release":
            let after = fields.read(ClaimEndField.delay)
            self = .release(after: after, reason: fields.read(ClaimEndField.reason))
        case "snooze":
            guard let delay = fields.seconds("delay_seconds", in: ClaimEndField.delays) else {
                if !fields.has("delay_seconds") { fields.refuse("delay_seconds", "is required") }
                return nil
            }
            self = .snooze(delay)
        case "throttle":
            let key = fields.read(ClaimEndField.key)
            let wait = Self.hold(&fields)
            let reason = fields.read(ClaimEndField.reason)
            guard let key, let wait else { return nil }
            self = .throttle(key: key, after: wait, reason: reason)
        default:
            fields.refuse("outcome", "must be one of \(Self.words.joined(separator: ", "))")
            return nil
        }
    }

    /// How long a key is held: `delay_seconds`, or what is left until `until`.
    private static func hold(_ fields: inout Fields) -> Duration? {
        let (delay, until) = (fields.read(ClaimEndField.delay), fields.read(ClaimEndField.until))
        switch (fields.has(ClaimEndField.delay), fields.has(ClaimEndField.until)) {
        case (true, true): fields.refuse(ClaimEndField.until, "cannot be combined with delay_seconds")
        case (false, false): fields.refuse(ClaimEndField.delay, "or until is required")
        default: break
        }
        return delay ?? until.map { .seconds(min(max(0, $0.timeIntervalSinceNow), NewJob.Limit.delaySeconds)) }
    }

    /// The job has succeeded, so a result that is too large does not fail it; what is stored instead says why.
    private static func kept(_ result: JSONText) -> [UInt8] {
        guard result.count > Settlement.outputLimit else { return result.bytes }
        let detail = "\(result.count) bytes; at most \(Settlement.outputLimit) are kept"
        return JSONOutput.object(["martlet_error": "output_too_large", "detail": .string(detail)]).bytes
    }

    /// `class: message`, and the stack on further lines; longer texts are cut when they are stored.
    private static func error(_ fields: inout Fields) -> String? {
        guard var error = fields.object("error", ClaimEndField.errorShape) else {
            if !fields.has("error") { fields.refuse("error", "is required: an object with a message") }
            return nil
        }
        let name = error.read(ClaimEndField.errorClass)
        let message = longText("message", &error)
        let stack = longText("stack", &error)
        if message == nil, !error.has("message") { error.refuse("message", "is required") }
        fields.refuse(error.close())
        guard let message else { return nil }
        let first = name.map { "\($0): \(message)" } ?? message
        return stack.map { "\(first)\n\($0)" } ?? first
    }

    /// A text of any length that the body allows, with line ends and tabs; other control characters become blanks.
    private static func longText(_ name: String, _ fields: inout Fields) -> String? {
        guard let value = fields.value(name) else { return nil }
        guard let text = value.string else {
            fields.refuse(name, "must be a string, not \(value.kind.spoken)")
            return nil
        }
        let bytes = text.utf8.prefix(2 * Settlement.errorLimit).map { byte in
            (byte < 0x20 && byte != 0x0A && byte != 0x09) || byte == 0x7F ? UInt8(ascii: " ") : byte
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension ClaimEnd {
    /// Whether a retry waits as the job's own policy says.
    var needsPolicy: Bool {
        if case .fail(_, true, nil) = self { return true }
        return false
    }

    /// The settlement; `facts` has the policy, where one is needed.
    func outcome(_ facts: LeaseFacts?) -> Settlement.Outcome {
        switch self {
        case .complete(let result): .completed(output: result)
        case .fail(let error, false, _): .failedForGood(error: error)
        case .fail(let error, true, let after?): .failed(retryAfter: after, error: error)
        case .fail(let error, true, nil):
            .failed(
                retryAfter: (facts?.retryPolicy ?? .standard).delay(afterFailure: facts?.attempt ?? 1), error: error)
        case .release(let after?, let reason?): .postponed(retryAfter: after, error: reason)
        case .release(let after, _): .released(after: after)
        case .snooze(let delay): .snoozed(delay)
        case .throttle(let key, let wait, let reason): .throttled(key: key, after: wait, reason: reason ?? "")
        }
    }

    /// The error for a log line.
    var errorText: String? {
        switch self {
        case .fail(let error, _, _): String(error.prefix(1000))
        case .release(_, let reason), .throttle(_, _, let reason): reason
        case .complete, .snooze: nil
        }
    }
}
