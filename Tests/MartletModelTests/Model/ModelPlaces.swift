// The reference for positions and due times: how jobs of one ms keep their order of arrival.

import MartletJobs

@testable import MartletQueue

extension Model {
    /// The last position given out, and its id if another job of its priority may share it.
    struct LastPlace: Equatable {
        var place: Double
        var id: String?
    }

    /// The state of one script call.
    struct CallState {
        /// Whether the last position was more than a second ahead of the clock.
        var isAhead = false
        /// The due times given out, by the requested ms.
        var dues: [Int: (place: Double, id: String)] = [:]
    }

    private static let finest = 0x1p-11

    mutating func beginCall() { call = CallState(isAhead: (clock?.place ?? 0) > Double(now + 1000)) }

    /// The distance between positions of a priority: what its scores can distinguish.
    private func spacing(_ priority: Int) -> Double {
        let score = max(Double(now), (clock?.place ?? 0).rounded(.down)) - Double(priority) * Double(step)
        return max(Self.finest, (score.magnitude + 8192).ulp)
    }

    private func behind(_ place: Double, _ priority: Int, isAhead: Bool) -> Double {
        let apart = spacing(priority)
        let same = (place / apart).rounded(.down) * apart
        return isAhead && apart > 0x1p-7 ? same : same + apart
    }

    /// The next position, behind all that were given out.
    mutating func nextPlace(_ priority: Int) -> Double {
        guard let last = clock?.place, last >= Double(now) else {
            clock = LastPlace(place: Double(now))
            return Double(now)
        }
        let place = behind(last, priority, isAhead: call.isAhead)
        clock = LastPlace(place: max(last, place))
        return place
    }

    /// Whether scores of a priority can express a position.
    func fits(_ place: Double, _ priority: Int) -> Bool { place.remainder(dividingBy: spacing(priority)) == 0 }

    /// Whether a job with this position is not yet due.
    func isEarly(_ place: Double) -> Bool { place.rounded(.down) > max(Double(now), clock?.place ?? 0) }

    /// The due time of a job in a given ms, behind the other jobs of that ms.
    mutating func due(at ms: Int, _ id: String) -> Double {
        var place = Double(ms)
        if let last = call.dues[ms] {
            place = id >= last.id ? last.place : last.place + Self.finest
        } else {
            for other in line(.delayed) {
                guard let job = jobs[other], job.score >= place, job.score < Double(ms + 1) else { continue }
                place = id >= other ? job.score : job.score + Self.finest
            }
        }
        call.dues[ms] = (place, id)
        return place
    }

    /// Queues due jobs.
    mutating func promote(atMost most: Int) -> Int {
        let due = line(.delayed).prefix { (jobs[$0]?.score ?? .infinity) < Double(now + 1) }.prefix(most)
        var last = LastPlace(place: promoted.map { $0 > Double(now + 10_000) ? 0 : $0 } ?? 0)
        let isAhead = last.place > Double(now + 1000)
        for id in due {
            guard let job = jobs[id] else { continue }
            guard job.priority != 0 else {
                queue(id, at: job.score)
                continue
            }
            let apart = spacing(job.priority)
            var place = (job.score / apart).rounded(.down) * apart
            if place <= last.place {
                let isWhole = last.place.remainder(dividingBy: apart) == 0
                let shares = last.id.map { isWhole && id > $0 } ?? false
                place = shares ? last.place : behind(last.place, job.priority, isAhead: isAhead)
            }
            last = LastPlace(place: max(place, last.place), id: id)
            promoted = last.place
            queue(id, at: place)
        }
        return due.count
    }
}
