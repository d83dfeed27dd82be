// An entry of a ring of a queue's history, as `samples.lua` adds it.

import MartletRedis

/// An entry of a ring of samples or of times.
struct RingEntry: Sendable {
    /// Its time in ms: that of its id, or the value `at` where the clock had gone back.
    let at: Int
    let values: [String: String]

    /// Parses an entry of a stream; `nil` for what is none.
    init?(_ entry: RedisValue) {
        guard let pair = entry.array, pair.count == 2, let words = pair[1].array,
            let moment = pair[0].string?.split(separator: "-").first.flatMap({ Int($0) })
        else { return nil }
        values = Queue.words(words)
        at = values["at"].flatMap { Int($0) } ?? moment
        guard (0..<1 << 53).contains(at) else { return nil }
    }
}
