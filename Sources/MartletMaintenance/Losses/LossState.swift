// What a server remembers about Redis, and how it detects losses. Pure.

import MartletQueue

/// Jobs that have disappeared, as far as a server can tell.
struct PossibleLoss: Sendable, Hashable, Codable {
    /// How the loss was detected.
    enum Sign: String, Sendable, Codable {
        /// The queue counts fewer jobs than before: an older state was restored.
        case olderState = "older-state"
        /// The queue was created again.
        case newQueue = "new-queue"
        /// The queue has no data.
        case noQueue = "no-queue"
    }

    var queue: String
    /// The number of jobs.
    var missing: Int
    var sign: Sign
    /// The last check without the loss, in ms since 1970.
    var since: Int
    /// When it was detected, in ms since 1970.
    var noticed: Int
}

/// What a server remembers.
struct LossState: Sendable, Equatable, Codable {
    /// The identity of the queue registry, and the total of registered queues.
    var epoch = ""
    var registered = 0
    var queues: [String: QueueMark] = [:]
    /// The last check, in ms since 1970.
    var lookedAt = 0
    /// The losses that have not been accepted.
    var losses: [PossibleLoss] = []

    /// The result of one check.
    struct Findings: Equatable {
        var losses: [PossibleLoss] = []
        /// The queues that an operator removed, or removed and created again.
        var removed: [String] = []
        /// The queues whose count must be reset.
        var restarted: [String: Int] = [:]
    }

    /// Compares with Redis' current state and stores it.
    ///
    /// - Parameters:
    ///   - marks: Redis' current state.
    ///   - pushes: the acknowledged totals of this process's pushes before Redis was read, and the missing jobs they
    ///     showed.
    ///   - now: ms since 1970.
    mutating func look(_ marks: StoreMarks, _ pushes: [String: PushMarks], now: Int) -> Findings {
        var findings = Findings()
        // With the same registry and no lower count, a missing name was removed on purpose.
        let isSame = epoch.isEmpty || (marks.epoch == epoch && marks.registered >= registered)
        let isLonger = isSame && marks.registered > registered
        for name in Set(queues.keys).union(marks.queues.keys).union(pushes.keys).sorted() {
            let found = marks.queues[name] ?? nil
            let isListed = marks.queues.keys.contains(name)
            let before = before(name, pushes[name], found)
            // A queue that is being created again has its name before its data.
            let wasRemoved = isSame && (isListed ? isLonger : true)
            let verdict = Self.compare(before, pushes[name], found, wasRemoved: wasRemoved)
            if let (missing, sign) = verdict.loss {
                findings.losses.append(
                    PossibleLoss(
                        queue: name, missing: missing, sign: sign, since: lookedAt == 0 ? now : lookedAt,
                        noticed: now))
            }
            if verdict.isRemoved { findings.removed.append(name) }
            if verdict.restarts { findings.restarted[name] = found?.created ?? 0 }
            queues[name] = found
        }
        if !marks.epoch.isEmpty { epoch = marks.epoch }
        registered = marks.registered
        lookedAt = now
        losses += findings.losses
        return findings
    }

    /// The known state of a queue; for one known only from pushes, what their replies said.
    private func before(_ name: String, _ pushes: PushMarks?, _ found: QueueMark?) -> QueueMark? {
        if let known = queues[name] { return known }
        guard let pushes else { return nil }
        return QueueMark(epoch: found?.epoch ?? "", created: 0, kept: 0).raised(by: pushes)
    }

    private struct Verdict {
        var loss: (missing: Int, sign: PossibleLoss.Sign)?
        var isRemoved = false
        var restarts = false
    }

    private static func compare(
        _ before: QueueMark?, _ pushes: PushMarks?, _ found: QueueMark?, wasRemoved: Bool
    ) -> Verdict {
        guard let before else { return Verdict() }
        let regress = pushes?.missing ?? 0
        var acknowledged = pushes?.acknowledged ?? 0
        // A reply that came while Redis was read dates from before the loss, unless it was itself too low.
        if regress == 0, let pushes, max(before.created, acknowledged) > found?.created ?? 0 {
            acknowledged = max(acknowledged, pushes.latest)
        }
        guard let found, found.epoch == before.epoch else {
            if wasRemoved { return Verdict(isRemoved: true, restarts: true) }
            // Jobs pushed after the last check count too, if a reply shows that they were in the old queue.
            let reached = max(regress, acknowledged > (found?.created ?? 0) ? acknowledged : 0)
            let missing = before.kept + max(0, reached - before.created)
            return Verdict(
                loss: missing > 0 ? (missing, found == nil ? .noQueue : .newQueue) : nil, restarts: true)
        }
        let missing = max(regress, max(before.created, acknowledged) - found.created)
        guard missing > 0 else { return Verdict() }
        return Verdict(loss: (missing, .olderState), restarts: true)
    }

    /// Drops the losses detected up to a time; returns how many.
    mutating func accept(until moment: Int) -> Int {
        let count = losses.count
        losses.removeAll { $0.noticed <= moment }
        return count - losses.count
    }

    /// The missing jobs per queue that have not been accepted.
    var missing: [String: Int] { losses.reduce(into: [:]) { $0[$1.queue, default: 0] += $1.missing } }
}

extension QueueMark {
    /// The state of a queue known only from the replies to pushes.
    fileprivate func raised(by pushes: PushMarks) -> QueueMark {
        QueueMark(epoch: epoch, created: pushes.acknowledged, kept: pushes.acknowledged)
    }
}
