// The example jobs of `martlet dev`, so that a newcomer's first job completes.

import FoundationEssentials
import MartletJobs
import MartletWorker

/// Jobs for trying the service out.
enum DevJobs {
    /// The queue of the example jobs.
    static let queue = QueueSlots("default", 10)

    /// `echo`, which returns its payload as it was pushed, and `sleep`, which takes a number of seconds.
    static var handlers: Handlers {
        Handlers {
            OnRaw("echo", returning: { payload, _ in payload })
            On(Sleep.self) { job, context in try await sleep(job, context) }
        }
    }

    /// Sleeps in steps of at most a second and reports progress.
    private static func sleep(_ job: Sleep, _ context: JobContext) async throws {
        let total = min(max(job.seconds ?? 1, 0), 86_400)
        let end = ContinuousClock.now + .milliseconds(Int64(total * 1000))
        while true {
            let left = end - .now
            let done = max(0, total - left / .seconds(1))
            context.progress(Int64((done * 1000).rounded()), of: Int64((total * 1000).rounded()))
            guard left > .zero else { return }
            try await Task.sleep(for: min(left, .seconds(1)))
        }
    }

    /// Takes `seconds`; 1 by default.
    private struct Sleep: Job {
        static let name = "sleep"
        var seconds: Double?
    }
}
