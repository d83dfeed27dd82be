// Limits concurrent waits, or streams, per caller and in total.

import HTTPTypes
import MartletJSON
import Synchronization

/// Counts waiting requests.
final class WaitLimit: Sendable {
    private struct State {
        var total = 0
        var byCaller: [String: Int] = [:]
    }

    /// What a refusal says: its code, and the sentence behind the number; of one caller, and of all.
    struct Words: Sendable {
        var tooMany: ProblemCode
        var many: String
        var full: ProblemCode
        var all: String
    }

    private let words: Words
    private let perCaller: Int
    private let total: Int
    private let state = Mutex(State())

    init(perCaller: Int, total: Int, words: Words) {
        self.words = words
        self.perCaller = perCaller
        self.total = total
    }

    /// Runs a wait; throws 429 at the caller's limit, 503 at the total limit.
    func hold<Value>(for caller: Caller, _ wait: () async throws -> Value) async throws -> Value {
        try enter(caller.name)
        defer { leave(caller.name) }
        return try await wait()
    }

    /// Takes a place; throws 429 at the caller's limit, 503 at the total limit.
    func enter(_ name: String) throws(HTTPProblem) {
        try state.withLock { state throws(HTTPProblem) in
            guard state.byCaller[name, default: 0] < perCaller else {
                throw HTTPProblem(
                    words.tooMany, "\(perCaller) \(words.many)"
                ).with("limit", .int(perCaller)).with(.retryAfter, "1")
            }
            guard state.total < total else {
                throw HTTPProblem(
                    words.full, "\(total) \(words.all)"
                ).with("outcome", "not-executed").with(.retryAfter, "1")
            }
            state.total += 1
            state.byCaller[name, default: 0] += 1
        }
    }

    /// Gives a place back.
    func leave(_ name: String) {
        state.withLock { state in
            state.total -= 1
            let left = state.byCaller[name, default: 1] - 1
            state.byCaller[name] = left > 0 ? left : nil
        }
    }
}
