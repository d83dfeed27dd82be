// Reports when the server stops accepting pushes because Redis' memory is nearly full, and when it accepts them again.

import Logging
import MartletChecks
import MartletHTTP
import MartletQueue
import MartletTelemetry
import Synchronization

/// The log lines, metrics and `/readyz?verbose` findings about Redis' memory.
final class MemoryReport: Sendable {
    private let store: JobStore
    private let logger: Logger
    private let wasShut = Mutex(false)

    init(store: JobStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Logs a change since the last check.
    func look() {
        let isShut = store.refusesPushes
        let isNews = wasShut.withLock { was in
            defer { was = isShut }
            return was != isShut
        }
        guard isNews else { return }
        if isShut {
            logger.error("Redis memory nearly full, refusing pushes")
        } else {
            logger.notice("Redis memory available again, accepting pushes")
        }
    }

    var findings: [ReadinessFinding] {
        let isShut = store.refusesPushes
        let advice = "refused, since Redis' memory is nearly full: raise maxmemory or work off what waits"
        return [Checkup("pushes", isShut ? .bad : .good, isShut ? "refused" : "taken", advice).finding]
    }

    var samples: [MetricSample] { [MetricSample("martlet_pushes_refused", value: store.refusesPushes ? 1 : 0)] }
}
