// The child process side of an isolated job: runs one handler, reports its outcome and exits.

import FoundationEssentials
import Logging
import MartletJobs
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Runs the worker's side in a process that was started for one job.
struct IsolatedChild: Sendable {
    /// The file descriptor of the channel to the worker.
    static let descriptor: Int32 = 3

    let handlers: HandlerTable
    let middleware: [any WorkerMiddleware]
    let logger: Logger
    let tracing: WorkerTracing?

    /// Runs the job that the worker sends, then exits.
    func run() async -> Never {
        // Processes that the handler starts must not count as isolated jobs or keep the channel open.
        unsetenv(OneJobProcess.variable)
        _ = fcntl(Self.descriptor, F_SETFD, FD_CLOEXEC)
        // A service manager signals all processes of a service; the worker decides when this one ends.
        for number in [SIGTERM, SIGINT] { signal(number) { _ in } }
        let channel = IsolationChannel(Self.descriptor)
        let runtime = IsolatedRuntime(channel)
        for await frame in channel.frames {
            switch frame {
            case .run(let job): start(job, runtime, channel)
            case .stop(let reason): runtime.stop(reason)
            case .saved(let number, let refusal): runtime.saved(number, refusal)
            case .progress, .save, .ended: break
            }
        }
        // The worker is gone, so the lease can no longer be proved: exit without further side effects.
        _exit(1)
    }

    private func start(_ job: IsolatedJob, _ runtime: IsolatedRuntime, _ channel: IsolationChannel) {
        let task = Task {
            let result: Result<[UInt8]?, any Error>
            do {
                result = .success(
                    try await OneJobProcess.$isInJob.withValue(true) { try await handle(job, runtime) })
            } catch { result = .failure(error) }
            channel.send(.ended(IsolatedEnd(result)))
            channel.flush()
            fflush(nil)
            _exit(0)
        }
        runtime.attach(task)
    }

    private func handle(_ job: IsolatedJob, _ runtime: IsolatedRuntime) async throws -> [UInt8]? {
        guard let facts = job.facts, let entry = handlers[job.type] else {
            // The same program with the same arguments lists other handlers here.
            throw JobOutcome.release(after: .seconds(5))
        }
        var logger = logger
        logger[metadataKey: "queue"] = "\(job.queue)"
        logger[metadataKey: "worker_id"] = "\(job.worker)"
        if tracing == nil, let trace = facts.trace { logger[metadataKey: "trace_id"] = "\(trace.traceID)" }
        let context = JobContext(facts, labelling: logger, runtime: runtime)
        let payload = Array(job.payload)
        guard let tracing, let span = job.span.flatMap(TraceContext.init(stored:)) else {
            return try await middleware.run(entry, payload, context)
        }
        return try await tracing.below(span) { [middleware] in try await middleware.run(entry, payload, context) }
    }
}

/// The runtime of a handler in an isolated process: forwards requests to the worker.
private final class IsolatedRuntime: JobRuntime {
    private struct State {
        var stop: StopReason?
        var task: Task<Void, Never>?
        var lastNumber = 0
        var savers: [Int: CheckedContinuation<Void, any Error>] = [:]
    }

    private let channel: IsolationChannel
    private let state = Mutex(State())

    init(_ channel: IsolationChannel) { self.channel = channel }

    var stopReason: StopReason? { state.withLock { $0.stop } }

    func report(_ progress: JobProgress) {
        channel.send(.progress(completed: progress.completed, total: progress.total, rate: progress.rate))
    }

    @concurrent
    func save(checkpoint: [UInt8]) async throws {
        try await withCheckedThrowingContinuation { continuation in
            let number = state.withLock { state in
                state.lastNumber += 1
                state.savers[state.lastNumber] = continuation
                return state.lastNumber
            }
            channel.send(.save(number: number, checkpoint: Data(checkpoint)))
        }
    }

    func saved(_ number: Int, _ refusal: CheckpointError?) {
        let saver = state.withLock { $0.savers.removeValue(forKey: number) }
        if let refusal { saver?.resume(throwing: refusal) } else { saver?.resume() }
    }

    func attach(_ task: Task<Void, Never>) {
        let isLate = state.withLock { state in
            state.task = task
            return state.stop != nil
        }
        if isLate { task.cancel() }
    }

    func stop(_ reason: StopReason) {
        let task = state.withLock { state in
            state.stop = reason
            return state.task
        }
        task?.cancel()
    }
}
