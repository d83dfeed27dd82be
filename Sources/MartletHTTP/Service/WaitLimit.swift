// Limits concurrent waits per caller and in total.

import HTTPTypes
import MartletJSON
import Synchronization

/// Counts waiting requests.
final class WaitLimit: Sendable {
    private struct State {
        var total = 0
        var byCaller: [String: Int] = [:]
    }

    private let perCaller: Int
    private let total: Int
    private let state = Mutex(State())

    init(perCaller: Int, total: Int) {
        self.perCaller = perCaller
        self.total = total
    }

    /// Runs a wait; throws 429 at the caller's limit, 503 at the total limit.
    func hold<Value>(for caller: Caller, _ wait: () async throws -> Value) async throws -> Value {
        try enter(caller.name)
        defer { leave(caller.name) }
        return try await wait()
    }

    private func enter(_ name: String) throws(HTTPProblem) {
        try state.withLock { state throws(HTTPProblem) in
            guard state.byCaller[name, default: 0] < perCaller else {
                throw HTTPProblem(
                    .tooManyWaits,
                    "\(perCaller) requests of this caller wait already; ask without ?wait, or later"
                ).with("limit", .int(perCaller)).with(.retryAfter, "1")
            }
            guard state.total < total else {
                throw HTTPProblem(
                    .waitsFull,
                    "\(total) requests wait already; ask without ?wait, or later"
                ).with("outcome", "not-executed").with(.retryAfter, "1")
            }
            state.total += 1
            state.byCaller[name, default: 0] += 1
        }
    }

    private func leave(_ name: String) {
        state.withLock { state in
            state.total -= 1
            let left = state.byCaller[name, default: 1] - 1
            state.byCaller[name] = left > 0 ? left : nil
        }
    }
}
