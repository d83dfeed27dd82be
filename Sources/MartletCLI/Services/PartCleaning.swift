// Removes part files of dead downloads: at the start and every minute.

import Logging
import MartletDownloads
import MartletJobs
import MartletQueue
import ServiceLifecycle

/// Runs the part file cleaner.
struct PartCleaningService: Service {
    let store: JobStore
    let directory: String
    let logger: Logger

    func run() async throws {
        let store = store
        let cleaner = PartFileCleaner(directory: directory) { ids in try await Self.live(ids, in: store) }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var pause = Duration.seconds(60)
                do {
                    let names = try await cleaner.clean()
                    if !names.isEmpty {
                        logger.info("part files removed", metadata: ["count": .stringConvertible(names.count)])
                    }
                } catch is QueueError {
                    pause = .seconds(10)
                } catch {
                    logger.warning("part file clean-up failed, will retry", error: error)
                }
                try? await Task.sleep(for: pause)
            }
        }
    }

    /// The ids whose jobs are unfinished in any queue.
    ///
    /// The download queue is read first; usually no other needs to be.
    static func live(_ ids: [JobID], in store: JobStore) async throws -> Set<JobID> {
        var live: Set<JobID> = []
        var others = ids
        let names = [.downloads] + (try await store.queueNames()).filter { $0 != .downloads }
        for name in names where !others.isEmpty {
            for record in try await store.queue(name).jobs(others) {
                if let record, !record.state.isFinal { live.insert(record.id) }
            }
            others.removeAll(where: live.contains)
        }
        return live
    }
}
