// What a server remembers of Redis outside Redis, and what follows when Redis knows less. Pure: no I/O, no clock.

import MartletQueue

/// Jobs that were there and are not any more, as far as a server can tell.
struct PossibleLoss: Sendable, Hashable, Codable {
    /// What gave it away.
    enum Sign: String, Sendable, Codable {
        /// The queue counts fewer jobs than it did: an older state came back.
        case olderState = "older-state"
        /// The queue was made anew.
        case newQueue = "new-queue"
        /// The queue has no data.
        case noQueue = "no-queue"
    }

    var queue: String
    /// How many jobs.
    var missing: Int
    var sign: Sign
    /// The last look at which all was there, in ms since 1970.
    var since: Int
    /// When it was noticed, in ms since 1970.
    var noticed: Int
}

/// What a server remembers.
struct LossMemory: Sendable, Equatable, Codable {
    /// The identity of the registry of queues, and how many queues it ever took.
    var epoch = ""
    var registered = 0
    var queues: [String: QueueMark] = [:]
    /// The last look, in ms since 1970.
    var lookedAt = 0
    /// What nobody has accepted yet.
    var losses: [PossibleLoss] = []

    /// What one look brought.
    struct Findings: Equatable {
        var losses: [PossibleLoss] = []
        /// The queues that an operator has removed, or removed and made anew.
        var removed: [String] = []
        /// The queues whose count must begin again.
        var restarted: [String: Int] = [:]
    }

    /// Compares with what Redis says now, and remembers that.
    ///
    /// - Parameters:
    ///   - marks: what Redis says.
    ///   - pushes: what answers to our own pushes had named before Redis was asked, and what they showed missing since.
    ///   - now: ms since 1970.
    mutating func look(_ marks: StoreMarks, _ pushes: [String: PushMarks], now: Int) -> Findings {
        var findings = Findings()
        // A registry that is the old one and counts no less: what it does not list any more was taken from it.
        let isSame = epoch.isEmpty || (marks.epoch == epoch && marks.registered >= registered)
        let isLonger = isSame && marks.registered > registered
        for name in Set(queues.keys).union(marks.queues.keys).union(pushes.keys).sorted() {
            let found = marks.queues[name] ?? nil
            let isListed = marks.queues.keys.contains(name)
            let before = before(name, pushes[name], found)
            let wasRemoved = isSame && (isListed ? isLonger && found != nil : true)
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

    /// What was known of a queue; one that only our pushes know has come as far as their answers said.
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
        // An answer that came while Redis was asked is one from before the loss, unless it was itself too low.
        if regress == 0, let pushes, max(before.created, acknowledged) > found?.created ?? 0 {
            acknowledged = max(acknowledged, pushes.latest)
        }
        guard let found, found.epoch == before.epoch else {
            if wasRemoved { return Verdict(isRemoved: true, restarts: true) }
            // What came after the last look counts too, where an answer shows that it was in the old queue.
            let reached = max(regress, acknowledged > (found?.created ?? 0) ? acknowledged : 0)
            let missing = before.kept + max(0, reached - before.created)
            return Verdict(
                loss: missing > 0 ? (missing, found == nil ? .noQueue : .newQueue) : nil, restarts: true)
        }
        let missing = max(regress, max(before.created, acknowledged) - found.created)
        guard missing > 0 else { return Verdict() }
        return Verdict(loss: (missing, .olderState), restarts: true)
    }

    /// Forgets the losses that were noticed up to a moment; answers how many.
    mutating func accept(until moment: Int) -> Int {
        let count = losses.count
        losses.removeAll { $0.noticed <= moment }
        return count - losses.count
    }

    /// The jobs of each queue whose loss nobody has accepted.
    var missing: [String: Int] { losses.reduce(into: [:]) { $0[$1.queue, default: 0] += $1.missing } }
}

extension QueueMark {
    /// A queue of which nothing is known but the answers to pushes.
    fileprivate func raised(by pushes: PushMarks) -> QueueMark {
        QueueMark(epoch: epoch, created: pushes.acknowledged, kept: pushes.acknowledged)
    }
}
