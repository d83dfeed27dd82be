// The health of a worker, for liveness and readiness probes.

public import MartletQueue
import Synchronization

/// The health of a running worker: whether its loops make progress and whether it claims jobs.
///
/// Set one as ``WorkerConfiguration/health`` and query it from your probe handlers:
///
/// ```swift
/// let health = WorkerHealth()
/// configuration.health = health
/// let isAlive = health.isAlive()  // if false, restart the process
/// let obstacle = health.obstacle  // nil while the worker claims jobs
/// ```
public final class WorkerHealth: Sendable {
    /// Why a worker claims no jobs.
    public enum Obstacle: Sendable, Hashable, CustomStringConvertible {
        /// The worker has not started, for example because the checks of Redis have not passed.
        case notStarted
        /// Claims from this queue fail.
        case claimsFail(QueueName)
        /// The worker is stopping.
        case stopping

        /// A description for people.
        public var description: String {
            switch self {
            case .notStarted: "the worker has not started"
            case .claimsFail(let queue): "claims from the queue \(queue) fail"
            case .stopping: "the worker is stopping"
            }
        }
    }

    private struct Loop {
        /// When the loop last ran.
        var round: ContinuousClock.Instant
        /// Whether the last turn succeeded.
        var claims = false
    }

    private struct State {
        var loops: [QueueName: Loop] = [:]
        var isStopping = false
    }

    private let state = Mutex(State())

    /// Creates the health of a worker that has not started.
    public init() {}

    /// Whether every queue's loop has run within `limit`.
    ///
    /// A running worker runs each loop every second, even without jobs.
    ///
    /// - Parameter limit: the longest accepted time since a loop last ran; 30 s by default.
    /// - Returns: false if a loop is stuck; true before the start and after the end.
    public func isAlive(within limit: Duration = .seconds(30)) -> Bool {
        let now = ContinuousClock.now
        return state.withLock { $0.loops.values.allSatisfy { $0.round + limit > now } }
    }

    /// Why the worker claims no jobs; `nil` while it does.
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

    /// The worker has stopped; its loops no longer count.
    func stopped() { state.withLock { $0.loops = [:] } }

    func loopRan(_ queue: QueueName) { state.withLock { $0.loops[queue]?.round = .now } }

    func turnFinished(_ queue: QueueName, failed: Bool) { state.withLock { $0.loops[queue]?.claims = !failed } }
}
