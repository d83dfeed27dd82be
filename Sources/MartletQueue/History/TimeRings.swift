// The times of jobs in steps, from the histograms that workers send.

import MartletRedis

/// A ring of histograms.
///
/// Each belongs to a ring of samples, and goes as far back; that of ten minutes goes back 7 days, since histograms
/// take more memory than counters.
enum TimeRing: Int, Sendable, CaseIterable {
    case tenSeconds, minutes, tenMinutes

    init(_ ring: HistoryRing) {
        switch ring {
        case .seconds: self = .tenSeconds
        case .minutes: self = .minutes
        case .tenMinutes: self = .tenMinutes
        }
    }

    /// The part of its key behind the queue's prefix.
    var key: String {
        switch self {
        case .tenSeconds: "times_10s"
        case .minutes: "times_1m"
        case .tenMinutes: "times_10m"
        }
    }

    /// The length of a slot, in ms.
    var slot: Int {
        switch self {
        case .tenSeconds: 10_000
        case .minutes: 60_000
        case .tenMinutes: 600_000
        }
    }

    /// How many slots are kept at least.
    var kept: Int {
        switch self {
        case .tenSeconds: 66
        case .minutes: 1500
        case .tenMinutes: 1100
        }
    }
}

/// The times of one slot.
struct TimeSlot: Sendable, Hashable {
    /// When it begins, in ms.
    var start: Int
    var times: JobTimes

    init(start: Int, times: JobTimes) {
        self.start = start
        self.times = times
    }

    /// Parses an entry of a ring; `nil` where it has nothing of that name.
    ///
    /// Without a name all are taken together.
    init?(_ entry: RedisValue, name: String?) {
        guard let entry = RingEntry(entry) else { return nil }
        let texts = entry.values.filter { $0.key != "at" && name ?? $0.key == $0.key }.values
        guard !texts.isEmpty else { return nil }
        self.init(start: entry.at, times: JobTimes())
        for text in texts { times.merge(JobTimes(stored: text)) }
    }

    /// The slot of a ring that is not over, from the hash of those; shorter slots in it are part of it.
    init?(open hash: [RedisValue], ring: TimeRing, name: String?) {
        let values = Queue.words(hash)
        guard let number = values["at\(ring.rawValue + 1)"].flatMap({ Int($0) }),
            (0..<1 << 53 / ring.slot).contains(number)
        else { return nil }
        let texts = values.filter { field, _ in
            let parts = field.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let number = Int(parts[0]), number <= ring.rawValue + 1 else { return false }
            return name.map { $0 == parts[1] } ?? true
        }.values
        guard !texts.isEmpty else { return nil }
        self.init(start: number * ring.slot, times: JobTimes())
        for text in texts { times.merge(JobTimes(stored: text)) }
    }
}

extension HistoryPlan {
    /// The times of each step: those of the slots that begin in it.
    func times(_ slots: [TimeSlot]) -> [JobTimes] {
        var steps = [JobTimes](repeating: JobTimes(), count: count)
        for slot in slots where slot.start >= start && (slot.start - start) / step < count {
            steps[(slot.start - start) / step].merge(slot.times)
        }
        return steps
    }
}
