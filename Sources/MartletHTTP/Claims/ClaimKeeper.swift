// Releases claimed jobs that no worker received, or that the caller cannot run.

import Logging
import MartletJobs
import MartletQueue

/// Returns jobs to their queues without charging an attempt.
struct ClaimKeeper: Sendable {
    private let logger: Logger
    private let unknownTypes = UnknownTypes()

    init(logger: Logger) { self.logger = logger }

    /// Releases jobs to their old places, in the background, until Redis has answered.
    func release(_ jobs: [HeldJob], to store: JobStore, why: String) {
        for (name, part) in Dictionary(grouping: jobs, by: \.token.queue) {
            release(part.map(\.job), to: store.queue(name), why: why)
        }
    }

    /// The same for jobs of one queue.
    func release(_ jobs: [ClaimedJob], to queue: Queue, why: String) {
        guard !jobs.isEmpty else { return }
        logger.info(
            "claimed jobs released",
            metadata: [
                "queue": "\(queue.name)", "jobs": .stringConvertible(jobs.count), "reason": "\(why)",
                "job_id": "\(jobs[0].id)",
            ])
        let settlements = jobs.map { Settlement(id: $0.id, token: $0.token, outcome: .released(after: nil)) }
        Self.settle(settlements, in: queue)
    }

    /// Releases jobs of types that the worker does not know, as a worker process does: with a growing delay.
    func releaseUnknown(_ jobs: [ClaimedJob], to queue: Queue) async {
        guard !jobs.isEmpty else { return }
        let rule = UnknownTypeRule()
        let settlements = jobs.map { job in
            Settlement(
                id: job.id, token: job.token, outcome: rule.outcome(of: job, chance: .random(in: 0...1)))
        }
        for job in jobs {
            logger.log(
                level: unknownTypes.isNew(job.type) ? .warning : .debug, "caller does not know job type, job released",
                metadata: [
                    "type": "\(job.type)", "job_id": "\(job.id)", "queue": "\(queue.name)",
                    "attempt": .stringConvertible(job.failures + 1),
                ])
        }
        do throws(QueueError) { _ = try await queue.settle(settlements) } catch {
            Self.settle(settlements, in: queue)
        }
    }

    /// Settles in the background: the request, which has ended, has no child tasks.
    private static func settle(_ settlements: [Settlement], in queue: Queue) {
        Task {
            await repeatedUntilAnswered { () throws(QueueError) in _ = try await queue.settle(settlements) }
        }
    }
}
