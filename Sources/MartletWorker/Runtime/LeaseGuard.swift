// Enforces leases and timeouts by the worker's own clock, whatever the network does.

import Logging
import MartletQueue

/// Stops the handlers of one queue whose lease or timeout has passed.
struct LeaseGuard: Sendable {
    let context: WorkerContext
    let table: JobTable
    let metrics: QueueMetrics
    /// Called with the number of leaked handlers of this queue when it changes.
    let leaked: @Sendable (Int) -> Void

    /// Watches until the table is closed.
    func run() async {
        var known = 0
        while !table.isClosed {
            let look = table.look(at: .now, leakDelay: context.configuration.leakDelay)
            for job in look.lost {
                metrics.leasesLost(1)
                context.logger.warning(
                    "lease expired, handler cancelled",
                    metadata: job.labels.merging(
                        ["queue": "\(metrics.queue)", "worker_id": "\(context.worker)"]) { $1 })
            }
            if look.leaked != known { leaked(look.leaked) }
            known = look.leaked
            await table.guardTimer.wait(until: look.next)
        }
    }
}
