// The checks of each queue for `doctor`, servers and workers.

package import MartletQueue

/// Checks all queues of a store.
package struct QueueCheckup: Sendable {
    private let store: JobStore

    /// Creates the checks for all queues of `store`.
    package init(store: JobStore) { self.store = store }

    /// The prefix of every queue check's name.
    package static let namePrefix = "queue "

    /// One result per queue.
    package func run() async throws -> [Checkup] {
        var checks: [Checkup] = []
        for name in try await store.queueNames() {
            do {
                guard let status = try await store.queue(name).status() else { continue }
                checks.append(Self.check(status))
            } catch {
                guard error.isOfOneQueue else { throw error }
                checks.append(Self.check(name, error, await store.queue(name).foreignKeys()))
            }
        }
        return checks
    }

    /// A queue that cannot be read.
    private static func check(_ name: QueueName, _ error: QueueError, _ foreign: [ForeignKey]) -> Checkup {
        let name = namePrefix + "\(name)"
        if case .refused(.newerSchema) = error.kind {
            return Checkup(name, .bad, error.message, "run the newer version", refusesStart: true)
        }
        let found = foreign.isEmpty ? "it cannot be read" : foreign.map(\.description).joined(separator: "; ")
        return Checkup(
            name, .bad, found, "delete or rename that key and run martlet audit --repair; the other queues work")
    }

    private static func check(_ status: QueueStatus) -> Checkup {
        let name = namePrefix + "\(status.name)"
        let value = "\(status.total) jobs\(status.isPaused ? ", paused" : "")"
        if status.clockIsMoved {
            return Checkup(
                name, .bad, "a test has moved its clock, and nothing would run at its time",
                "use another REDIS_PREFIX, or remove the field \"offset\" from the queue's meta hash",
                refusesStart: true)
        }
        if status.ledgerDifference != 0 {
            return Checkup(name, .bad, value, "its ledger is off by \(status.ledgerDifference); run martlet audit")
        }
        if status.repairedEver > 0 {
            return Checkup(
                name, .warning, value, "\(status.repairedEver) broken entries were mended; run martlet audit")
        }
        return Checkup(name, .good, value)
    }
}
