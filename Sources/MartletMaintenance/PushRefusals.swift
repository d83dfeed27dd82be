// Reports when pushes are refused because Redis' memory is nearly full, and when they are accepted again.

import CoreMetrics
import Logging
import MartletChecks
import MartletQueue
import Synchronization

/// Reports refused pushes to the log, the metrics and the checks.
final class PushRefusals: Sendable {
    private let store: JobStore
    private let logger: Logger
    private let gauge = Gauge(label: "martlet_pushes_refused")
    private let wasRefusing = Mutex(false)

    init(store: JobStore, logger: Logger) {
        self.store = store
        self.logger = logger
        gauge.record(0)
    }

    /// Logs a change since the last call.
    func look() {
        let refuses = store.refusesPushes
        let isNews = wasRefusing.withLock { was in
            defer { was = refuses }
            return was != refuses
        }
        guard isNews else { return }
        gauge.record(refuses ? 1 : 0)
        if refuses {
            logger.error("Redis memory nearly full, refusing pushes")
        } else {
            logger.notice("Redis memory available again, accepting pushes")
        }
    }

    /// Whether pushes are accepted.
    var check: Checkup {
        let refuses = store.refusesPushes
        let advice = "refused, since Redis' memory is nearly full: raise maxmemory or work off what waits"
        return Checkup("pushes", refuses ? .bad : .good, refuses ? "refused" : "taken", advice)
    }
}
