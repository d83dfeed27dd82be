// The numbered claims of a server at one queue: a lost reply is asked for again, and what nobody got goes back.

import MartletJobs
import MartletQueue
import Synchronization

/// The sequences of claims of one server at one queue.
///
/// Redis remembers the last call of each sequence and replays it, so each has one claim in flight. A claim whose outcome
/// stays unknown keeps its sequence until Redis says what it took; all that goes back at once.
final class ClaimSequences: Sendable {
    private struct Sequence {
        let name: String
        var number = 0
    }

    private struct State {
        var idle: [Sequence] = []
        var made = 0
        var inUse = 0
    }

    /// The most claims in flight.
    private static let width = 16

    let keeper: ClaimKeeper
    private let queue: Queue
    private let server: String
    private let permits = AsyncSemaphore(permits: ClaimSequences.width)
    private let state = Mutex(State())

    init(queue: Queue, server: String, keeper: ClaimKeeper) {
        self.queue = queue
        self.server = server
        self.keeper = keeper
    }

    /// Whether no claim is in flight or unknown.
    var isIdle: Bool { state.withLock { $0.inUse == 0 } }

    /// Claims; asks once more after a lost reply.
    func claim(upTo most: Int, lease: Duration?, nonce: ClaimNonce) async throws(QueueError) -> ClaimReply {
        guard await permits.acquire(within: .seconds(3)) else {
            throw QueueError(.notExecuted(.busy), message: "too many claims wait for Redis; try again")
        }
        defer { permits.release() }
        var sequence = take()
        sequence.number += 1
        let request = ClaimRequest(
            worker: sequence.name, number: sequence.number, upTo: most, lease: lease, nonce: nonce.description)
        do throws(QueueError) {
            let reply = try await repeatedOnce { [queue] _ throws(QueueError) in try await queue.claim(request) }
            give(sequence)
            return reply
        } catch {
            if error.kind == .unknown { follow(request, sequence) } else { give(sequence) }
            throw error
        }
    }

    private func take() -> Sequence {
        state.withLock { state in
            state.inUse += 1
            if let idle = state.idle.popLast() { return idle }
            state.made += 1
            return Sequence(name: "\(server)#\(state.made)")
        }
    }

    private func give(_ sequence: Sequence) {
        state.withLock { state in
            state.inUse -= 1
            state.idle.append(sequence)
        }
    }

    /// Repeats a claim of unknown outcome until Redis answers, then releases its jobs, which no caller received.
    private func follow(_ request: ClaimRequest, _ sequence: Sequence) {
        Task { [queue, keeper] in
            defer { give(sequence) }
            let reply = await repeatedUntilAnswered { () throws(QueueError) in try await queue.claim(request) }
            guard let reply else { return }
            keeper.release(reply.jobs, to: queue, why: "claim's outcome was unknown")
        }
    }
}
