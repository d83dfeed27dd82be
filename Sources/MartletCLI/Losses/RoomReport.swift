// Says when the server stops taking pushes because Redis' memory is nearly full, and when it takes them again.

import Logging
import MartletChecks
import MartletHTTP
import MartletQueue
import MartletTelemetry
import Synchronization

/// What the log, the metrics and `/readyz?verbose` say of the room in Redis.
final class RoomReport: Sendable {
    private let store: JobStore
    private let logger: Logger
    private let wasShut = Mutex(false)

    init(store: JobStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Logs a change since the last look.
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
