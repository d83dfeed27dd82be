// The losses stored in a state directory, shown to and accepted by an operator.

import FoundationEssentials
package import MartletChecks

/// The losses that the process of a state directory has detected, for `martlet doctor`.
package enum LossCheckup {
    /// One check per loss; empty without a directory.
    package static func run(directory: String?, prefix: String, isAccepted: Bool = false) -> [Checkup] {
        guard let directory else { return [] }
        let memory = LossFile(directory: directory, prefix: prefix).read()
        guard !memory.losses.isEmpty else {
            return [Checkup("possible loss", .good, memory.queues.isEmpty ? "nothing remembered yet" : "none")]
        }
        return memory.losses.map { loss in
            Checkup(
                "possible loss", isAccepted ? .good : .bad,
                "queue \(loss.queue): \(loss.missing) jobs since \(LossDetector.time(loss.since)) (\(loss.sign.rawValue))",
                "push again what is missing, then say martlet doctor --accept-losses")
        }
    }

    /// Accepts the losses detected so far; the process of that directory applies this at its next check.
    ///
    /// - Throws: ``LossFile/Unusable`` when the directory cannot be written.
    package static func accept(directory: String, prefix: String) throws {
        let now = Int((Date().timeIntervalSince1970 * 1000).rounded(.up))
        try LossFile(directory: directory, prefix: prefix).accept(at: now)
    }
}
