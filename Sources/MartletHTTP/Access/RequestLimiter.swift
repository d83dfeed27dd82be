// The limit of requests for each token of this server.

import HTTPTypes
import MartletJSON
import Synchronization

/// Counts the requests of each caller of this process.
final class RequestLimiter: Sendable {
    /// The most callers that are remembered.
    static let mostCallers = 10_000

    let rate: RequestRate
    private let callers = Mutex<[String: ContinuousClock.Instant]>([:])

    init(_ rate: RequestRate) { self.rate = rate }

    /// Decides about a request of a caller.
    func take(_ name: String, now: ContinuousClock.Instant = .now) -> RequestRate.Decision {
        callers.withLock { callers in
            if callers.count >= Self.mostCallers { callers = callers.filter { $0.value > now } }
            // Names come from the file of tokens, so this does not happen unless it names more.
            if callers.count >= Self.mostCallers { callers.removeAll() }
            return rate.decide(&callers[name], now: now)
        }
    }

    /// The number of callers that are remembered.
    var count: Int { callers.withLock { $0.count } }

    /// 429: the caller has used its quota.
    func refusal(_ decision: RequestRate.Decision) -> HTTPProblem {
        HTTPProblem(
            .tooManyRequests,
            "\(rate.quota) requests in \(Int(rate.window.components.seconds)) s are allowed for a token"
        )
        .with("limit", .int(rate.quota)).with("outcome", "not-executed").with(.retryAfter, String(decision.seconds))
    }

    /// Says in a response how much is left.
    func add(_ decision: RequestRate.Decision, to headers: inout HTTPFields) {
        headers[.rateLimitPolicy] = rate.policy
        headers[.rateLimit] = decision.header
    }
}
