// The worker side of an isolated job: starts the process, forwards its messages and ends it in time.

import Dispatch
import FoundationEssentials
import MartletJobs
import MartletProcess
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One attempt in a separate process: the same program, started again, runs this one job and exits.
///
/// A Swift trap cannot be caught and ends its process. In isolation it ends only the job's own process.
struct IsolatedRun: Sendable {
    let payload: [UInt8]
    let facts: JobAttempt
    /// The worker's id.
    let worker: String
    let running: RunningJob
    /// How long the handler may take to return after a stop.
    let grace: Duration
    /// The span of the attempt, below which the handler runs.
    let span: TraceContext?

    /// Runs the attempt; returns the handler's output, throws its error or ``ProcessDied``.
    @concurrent
    func run() async throws -> [UInt8]? {
        let child = try IsolatedProcess.start()
        child.channel.send(.run(IsolatedJob(facts, payload: payload, worker: worker, span: span)))
        return try await withTaskCancellationHandler {
            let end = await listen(to: child.channel)
            let status = child.wait()
            guard let end else { throw ProcessDied(status: status) }
            return try end.output()
        } onCancel: {
            stop(child)
        }
    }

    private func listen(to channel: IsolationChannel) async -> IsolatedEnd? {
        var end: IsolatedEnd?
        for await frame in channel.frames {
            switch frame {
            case .progress(let completed, let total, let rate):
                running.report(JobProgress(completed: completed, total: total, rate: rate))
            case .save(let number, let checkpoint): save(checkpoint, number, for: channel)
            case .ended(let result): end = result
            case .run, .stop, .saved: break
            }
        }
        return end
    }

    /// Saves a checkpoint for the child while other frames continue to arrive.
    private func save(_ checkpoint: Data, _ number: Int, for channel: IsolationChannel) {
        Task { [running] in
            var refusal: CheckpointError?
            do { try await running.save(checkpoint: Array(checkpoint)) } catch {
                refusal = error as? CheckpointError ?? .attemptEnded
            }
            channel.send(.saved(number: number, refusal: refusal))
        }
    }

    /// Asks the handler to stop and kills its process if it does not; at once when the lease is lost.
    private func stop(_ child: IsolatedProcess) {
        let reason = running.stopReason ?? .shutdown
        if reason == .leaseLost { return child.kill() }
        child.channel.send(.stop(reason))
        child.kill(after: grace)
    }
}

/// The process of an isolated job.
final class IsolatedProcess: Sendable {
    let channel: IsolationChannel
    private let processID: Int32
    private let hasEnded = Mutex(false)

    private init(processID: Int32, channel: IsolationChannel) {
        self.processID = processID
        self.channel = channel
    }

    /// Starts this program again with the channel at ``IsolatedChild/descriptor``.
    static func start() throws(IsolationError) -> IsolatedProcess {
        guard let ends = IsolationChannel.pair() else { throw IsolationError(number: errno) }
        defer { close(ends.theirs) }
        var environment = ProcessInfo.processInfo.environment
        environment[OneJobProcess.variable] = "1"
        // On Linux this path names the running program even when its file has been replaced.
        let own = "/proc/self/exe"
        let program = ChildProgram(
            FileManager.default.fileExists(atPath: own) ? own : CommandLine.arguments[0],
            Array(CommandLine.arguments.dropFirst()), environment: environment,
            descriptors: [0: .nothing, IsolatedChild.descriptor: .descriptor(ends.theirs)])
        do throws(SpawnError) {
            return IsolatedProcess(processID: try program.start(), channel: IsolationChannel(ends.ours))
        } catch {
            close(ends.ours)
            throw IsolationError(number: error.number)
        }
    }

    /// Waits for the process to end and returns its `waitpid` status.
    func wait() -> Int32 {
        // A process that closed its channel without exiting has nothing more to report.
        kill()
        return hasEnded.withLock { hasEnded in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) == -1, errno == EINTR {}
            hasEnded = true
            return status
        }
    }

    func kill() {
        hasEnded.withLock { hasEnded in
            // After the process ended, its id may belong to another process.
            if !hasEnded { sendSignal(processID, SIGKILL) }
        }
    }

    func kill(after wait: Duration) {
        let (seconds, attoseconds) = max(wait, .zero).components
        let nanoseconds = Int(min(seconds, 3600) * 1_000_000_000 + attoseconds / 1_000_000_000)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { self.kill() }
    }
}

/// No process could be started for a job; another worker may have capacity for one.
struct IsolationError: RetryAdvising, CustomStringConvertible {
    let number: Int32
    var description: String { "no isolated process could be started for the job (errno \(number))" }
    var retryAdvice: RetryAdvice { .release(after: .seconds(5)) }
}

/// The system's `kill`, which the class's own method hides.
private func sendSignal(_ processID: Int32, _ signal: Int32) { _ = kill(processID, signal) }
