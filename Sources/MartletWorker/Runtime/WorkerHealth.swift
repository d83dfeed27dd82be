// How a worker does, for the probes of whoever watches its process.

public import MartletQueue
import Synchronization

/// How a running worker does: whether its loops make progress, and whether it claims.
///
/// Give one to ``WorkerConfiguration/health`` and ask it from the handlers of your probes:
///
/// ```swift
/// let health = WorkerHealth()
/// configuration.health = health
/// let isAlive = health.isAlive()  // a process for which this is false should be restarted
/// let obstacle = health.obstacle  // nil while the worker claims
/// ```
public final class WorkerHealth: Sendable {
    /// Why a worker claims nothing.
    public enum Obstacle: Sendable, Hashable, CustomStringConvertible {
        /// It has not begun, perhaps because Redis has not passed its checks.
        case notStarted
        /// Claims of this queue fail.
        case claimsFail(QueueName)
        /// It is ending.
        case stopping

        /// What the obstacle is, in words.
        public var description: String {
            switch self {
            case .notStarted: "the worker has not started"
            case .claimsFail(let queue): "claims from the queue \(queue) fail"
            case .stopping: "the worker is stopping"
            }
        }
    }

    private struct Loop {
        /// When it last went round.
        var round: ContinuousClock.Instant
        /// Whether a turn has succeeded, and none failed since.
        var claims = false
    }

    private struct State {
        var loops: [QueueName: Loop] = [:]
        var isStopping = false
    }

    private let state = Mutex(State())

    /// The health of a worker that has not started.
    public init() {}

    /// Whether every queue's loop went round within `limit`; true before the start and after the end.
    ///
    /// A running worker makes each of them go round every second, however little there is to do.
    public func isAlive(within limit: Duration = .seconds(30)) -> Bool {
        let now = ContinuousClock.now
        return state.withLock { $0.loops.values.allSatisfy { $0.round + limit > now } }
    }

    /// Why the worker claims nothing; `nil` while it does.
    public var obstacle: Obstacle? {
        state.withLock { state in
            if state.isStopping { return .stopping }
            if state.loops.isEmpty { return .notStarted }
            return state.loops.first { !$0.value.claims }.map { .claimsFail($0.key) }
        }
    }
}

extension WorkerHealth {
    func start(_ queues: [QueueName]) {
        state.withLock { state in
            state = State()
            for queue in queues { state.loops[queue] = Loop(round: .now) }
        }
    }

    func stopping() { state.withLock { $0.isStopping = true } }

    /// The worker has ended; nobody's loop has to go round any more.
    func stopped() { state.withLock { $0.loops = [:] } }

    func wentRound(_ queue: QueueName) { state.withLock { $0.loops[queue]?.round = .now } }

    func turned(_ queue: QueueName, failed: Bool) { state.withLock { $0.loops[queue]?.claims = !failed } }
}
