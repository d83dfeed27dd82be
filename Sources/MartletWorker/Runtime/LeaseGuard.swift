// Watches the worker's own clock: no handler goes on past its lease or its timeout, whatever the network does.

import Logging
import MartletQueue

/// Stops the handlers of one queue whose time is over.
struct LeaseGuard: Sendable {
    let crew: Crew
    let table: JobTable
    let meters: QueueMeters
    /// Called with the number of this queue's leaked handlers when it has changed.
    let leaked: @Sendable (Int) -> Void

    /// Watches until the table is closed.
    func run() async {
        var known = 0
        while !table.isClosed {
            let look = table.look(at: .now, leakDelay: crew.configuration.leakDelay)
            for job in look.lost {
                meters.leasesLost(1)
                crew.logger.warning(
                    "The lease ran out without an answer from the queue; the handler is cancelled",
                    metadata: job.labels.merging(
                        ["queue": "\(meters.queue)", "worker_id": "\(crew.worker)"]) { $1 })
            }
            if look.leaked != known { leaked(look.leaked) }
            known = look.leaked
            await table.guardPulse.wait(until: look.next)
        }
    }
}
