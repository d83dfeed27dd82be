// Which steps a history has, and which samples they need.

package import FoundationEssentials
import MartletJobs

/// A ring of samples.
enum HistoryRing: Int, Sendable, CaseIterable {
    case seconds, minutes, tenMinutes

    /// The part of its key behind the queue's prefix.
    var key: String {
        switch self {
        case .seconds: "history_1s"
        case .minutes: "history_1m"
        case .tenMinutes: "history_10m"
        }
    }

    /// The length of a slot, in ms.
    var slot: Int {
        switch self {
        case .seconds: 1000
        case .minutes: 60_000
        case .tenMinutes: 600_000
        }
    }

    /// How many samples are kept at least: 10 minutes, a day, 30 days, and some more for steps that are not over.
    var kept: Int {
        switch self {
        case .seconds: 660
        case .minutes: 1500
        case .tenMinutes: 4400
        }
    }

    /// The longest time between two sweeps in which counters are taken to grow evenly, in ms; a longer one is a gap.
    var quiet: Int { max(Self.usualQuiet, slot) }

    /// A time since the last sweep that is usual, in ms.
    static let usualQuiet = 5000

    /// How far back it goes, in ms.
    var span: Int { kept * slot }
}

/// When a queue was asked for its history, and when it was last swept; both in ms.
package struct HistoryClock: Sendable, Hashable {
    package var now: Int
    package var swept: Int

    /// A sample is not older than the last sweep where sweeps go on.
    fileprivate var isFresh: Bool { swept <= now && now - swept <= HistoryRing.usualQuiet }
}

/// The steps of a history.
package struct HistoryPlan: Sendable, Hashable {
    /// The longest time that is answered, in ms.
    private static let longest = 30 * 86_400_000
    /// How many steps there are where no start is given.
    private static let standardCount = 60
    var ring: HistoryRing
    /// The length of a step and when the first one begins, in ms.
    var step: Int
    var start: Int
    var count: Int

    /// The steps from `from` until `to` that are over, at least `step` long, whole slots of a ring that goes back so far, and
    /// no more than `most`; all in ms.
    ///
    /// - Parameters:
    ///   - step: the least length.
    ///   - from: the start; `nil` for some steps before the end.
    ///   - to: the end; `nil` for the last step that is over.
    ///   - now: the time.
    ///   - swept: when the last sample may have been taken.
    ///   - most: the most steps.
    init(step: Int, from: Int?, to: Int?, now: Int, swept: Int, most: Int = Queue.historyLimit) {
        let now = max(0, now)
        let oldest = max(0, now - Self.longest)
        // A step is over when the sample at its end can exist; without sweeps that is not waited for.
        let isFresh = HistoryClock(now: now, swept: swept).isFresh
        let end = min(max(to ?? now, oldest), isFresh ? swept : now)
        let asked = min(max(step, 1), Self.longest)
        let start = min(max(from ?? end - Self.standardCount * asked, oldest), end)
        let least = max(asked, (end - start + most - 1) / most)
        let ring = Self.ring(step: least, back: now - start)
        self.ring = ring
        self.step = (least + ring.slot - 1) / ring.slot * ring.slot
        let first = from == nil ? max(0, end / self.step - Self.standardCount) : start / self.step
        count = max(0, min(most, end / self.step - first))
        // Of one too many the first is left out.
        self.start = (max(first, end / self.step - count)) * self.step
    }

    /// The steps of a history of one or more queues: a step is over when the last of those that are swept was.
    ///
    /// - Parameters:
    ///   - step: the least length of a step.
    ///   - start: where it starts; `nil` starts 60 steps before the end.
    ///   - end: no step ends after this moment; `nil` for now.
    ///   - clocks: those of the queues.
    package init(step: Duration, from start: Date?, to end: Date?, clocks: [HistoryClock]) {
        let now = clocks.map(\.now).min() ?? 0
        self.init(
            step: step.inMilliseconds, from: start?.roundedUpMilliseconds, to: end?.roundedUpMilliseconds, now: now,
            swept: clocks.filter(\.isFresh).map(\.swept).min() ?? 0)
    }

    /// The coarsest ring that has such steps and goes back so far; a coarser one where none does.
    private static func ring(step: Int, back: Int) -> HistoryRing {
        let far = HistoryRing.allCases.filter { $0.span >= back }
        return far.last { $0.slot <= step } ?? far.first ?? .tenMinutes
    }
}
