// A job in a process of its own, seen from the worker: start it, hand on what it says, and end it when it must end.

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

/// One attempt in a process of its own: the same program, started again, that runs this one job and ends.
///
/// A trap in Swift cannot be caught and takes its whole process along. Here that is the job's own.
struct IsolatedRun: Sendable {
    let payload: [UInt8]
    let facts: JobAttempt
    /// The id of the worker.
    let worker: String
    let running: RunningJob
    /// How long the handler may take to return once it was told to stop.
    let grace: Duration

    /// What the handler returned; throws what it threw, or ``ProcessDied``.
    @concurrent
    func run() async throws -> [UInt8]? {
        let child = try IsolatedProcess.start()
        child.channel.send(.run(IsolatedJob(facts, payload: payload, worker: worker)))
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

    /// Saves what the child asks for while its other frames are heard.
    private func save(_ checkpoint: Data, _ number: Int, for channel: IsolationChannel) {
        Task { [running] in
            var refusal: CheckpointError?
            do { try await running.save(checkpoint: Array(checkpoint)) } catch {
                refusal = error as? CheckpointError ?? .attemptEnded
            }
            channel.send(.saved(number: number, refusal: refusal))
        }
    }

    /// Asks the handler to stop, and ends its process when it does not; at once when another worker may have the job.
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

    /// Starts this program again, with the line to this process behind ``IsolatedChild/descriptor``.
    static func start() throws(IsolationError) -> IsolatedProcess {
        guard let ends = IsolationChannel.pair() else { throw IsolationError(number: errno) }
        defer { close(ends.theirs) }
        var environment = ProcessInfo.processInfo.environment
        environment[OneJobProcess.variable] = "1"
        // On Linux this is the program as it was started, also when its file was replaced meanwhile.
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

    /// Waits for its end, which has come or is about to; its status as `waitpid` gives it.
    func wait() -> Int32 {
        // A process that closed its line without ending has nothing more to say.
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
            // Its number may be another's by now.
            if !hasEnded { sendSignal(processID, SIGKILL) }
        }
    }

    func kill(after wait: Duration) {
        let (seconds, attoseconds) = max(wait, .zero).components
        let nanoseconds = Int(min(seconds, 3600) * 1_000_000_000 + attoseconds / 1_000_000_000)
        DispatchQueue.global().asyncAfter(deadline: .now() + .nanoseconds(nanoseconds)) { self.kill() }
    }
}

/// No process could be started for a job; another worker may have room for one.
struct IsolationError: RetryAdvising, CustomStringConvertible {
    let number: Int32
    var description: String { "no process of its own could be started for the job (errno \(number))" }
    var retryAdvice: RetryAdvice { .release(after: .seconds(5)) }
}

/// The system's `kill`, whose name the class has as well.
private func sendSignal(_ processID: Int32, _ signal: Int32) { _ = kill(processID, signal) }
