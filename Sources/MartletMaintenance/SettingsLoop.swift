// Applies the environment's settings of queues: at the start, and again to a queue that is new.

package import Logging
package import MartletQueue
import ServiceLifecycle

/// Applies the environment's settings of queues.
///
/// This process applies them itself to a queue that it creates; the loop does so for queues that another process created
/// without them.
package struct SettingsLoop: Service {
    private let store: JobStore
    private let settings: [QueueName: QueueSettingsChange]
    private let logger: Logger

    /// Creates a loop for these queues, and lets the store apply the settings to queues that it creates.
    package init(store: JobStore, settings: [QueueName: QueueSettingsChange], logger: Logger) {
        self.store = store
        self.settings = settings
        self.logger = logger
        for (name, change) in settings { store.setEnvironment(change, of: name) }
    }

    /// Looks every second for queues that are new, until the service group shuts down or the task is cancelled.
    package func run() async throws { await cancelWhenGracefulShutdown { await renew() } }

    /// Applies the settings and the pause of all queues; tries again until Redis takes them or the task is cancelled.
    func apply() async throws(MaintenanceError) {
        var trouble = TroubleLog(logger: logger)
        while !Task.isCancelled {
            if try await isApplied(&trouble) { return }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func isApplied(_ trouble: inout TroubleLog) async throws(MaintenanceError) -> Bool {
        for (name, change) in settings {
            do throws(QueueError) { try await store.queue(name).applyEnvironment(change) } catch {
                if case .refused(.badSetting) = error.kind { throw .refusedSettings(error.message) }
                trouble.note("settings of the queue not applied, will retry", of: name, error)
                return false
            }
        }
        do throws(QueueError) { try await store.repairGlobalPause() } catch {
            trouble.note("pause of all queues not applied everywhere, will retry", of: nil, error)
            // A queue that cannot be read is reported, and keeps no other from its work.
            return error.isOfOneQueue
        }
        return true
    }

    /// Looks every second until the task is cancelled.
    func renew() async {
        var trouble = TroubleLog(logger: logger)
        while !Task.isCancelled {
            for name in settings.keys { await renew(name, &trouble) }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func renew(_ name: QueueName, _ trouble: inout TroubleLog) async {
        do throws(QueueError) {
            if try await store.queue(name).renewEnvironment() {
                logger.notice("settings of the environment applied to a new queue", metadata: ["queue": "\(name)"])
            }
        } catch {
            // Where it is not the queue's own, the connection's log entry says that Redis is unavailable.
            if error.isOfOneQueue { trouble.note("settings of the queue not applied, will retry", of: name, error) }
        }
    }
}

/// Logs a lasting trouble once, and again when it becomes another one.
struct TroubleLog {
    private let logger: Logger
    private var last: (what: String, kind: QueueError.Kind)?

    init(logger: Logger) { self.logger = logger }

    /// Logs the trouble if it is new.
    mutating func note(_ what: String, of queue: QueueName?, _ error: QueueError) {
        guard last?.what != what || last?.kind != error.kind else { return }
        last = (what, error.kind)
        var metadata: Logger.Metadata = ["error": "\(error)"]
        if let queue { metadata["queue"] = "\(queue)" }
        logger.warning("\(what)", metadata: metadata)
    }
}
