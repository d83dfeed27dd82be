// Sends how long the jobs of workers over HTTP waited and ran to their queues, for the history.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// Gathers the times of each queue's jobs and sends them every few seconds while there are any.
final class ClaimTimes: Sendable {
    private static let interval = Duration.seconds(5)

    private let store: JobStore
    private let logger: Logger
    /// The times that were not sent yet, by queue and type.
    ///
    /// A queue that has some has a task that sends them.
    private let unsent = Mutex<[QueueName: [String: TypeTimes]]>([:])

    init(store: JobStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    func waited(_ time: Duration, type: String, in queue: QueueName) { note(type, in: queue) { $0.waited(time) } }

    func ran(_ time: Duration, type: String, in queue: QueueName) { note(type, in: queue) { $0.ran(time) } }

    private func note(_ type: String, in queue: QueueName, _ record: (TypeTimes) -> Void) {
        let isFirst = unsent.withLock { unsent in
            let isFirst = unsent[queue] == nil
            let times = unsent[queue]?[type] ?? TypeTimes()
            record(times)
            unsent[queue, default: [:]][type] = times
            return isFirst
        }
        guard isFirst else { return }
        Task {
            try? await Task.sleep(for: Self.interval)
            await send(queue)
        }
    }

    private func send(_ name: QueueName) async {
        guard let types = unsent.withLock({ $0.removeValue(forKey: name) }) else { return }
        do throws(QueueError) { try await store.queue(name).report(TimeReport(types)) } catch {
            logger.debug("times of jobs not sent", metadata: ["queue": "\(name)", "error": "\(error)"])
        }
    }
}
