// An entry of the audit trail, as it is read.

package import FoundationEssentials
package import MartletJSON
import MartletJobs
import MartletRedis

/// Where an entry stands: newer ones first, those of one moment by the name of their trail.
package struct TrailPosition: Sendable, Hashable, Comparable, LosslessStringConvertible {
    /// The moment by Redis' clock, in ms.
    package var milliseconds: Int
    /// The number within the moment.
    package var number: Int
    /// The queue whose trail has it; empty for that of no single queue.
    package var trail: String

    init(milliseconds: Int, number: Int, trail: String) {
        self.milliseconds = milliseconds
        self.number = number
        self.trail = trail
    }

    /// Parses `<ms>-<number>` and behind `@` the queue.
    package init?(_ description: String) {
        let sides = description.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = sides[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard sides.count == 2, numbers.count == 2, let milliseconds = numbers[0], let number = numbers[1],
            milliseconds >= 0, number >= 0, sides[1].isEmpty || QueueName(String(sides[1])) != nil
        else { return nil }
        self.init(milliseconds: milliseconds, number: number, trail: String(sides[1]))
    }

    package var description: String { "\(milliseconds)-\(number)@\(trail)" }

    /// Whether an entry is read before another one: it is newer.
    package static func < (one: TrailPosition, other: TrailPosition) -> Bool {
        (other.milliseconds, other.number, one.trail) < (one.milliseconds, one.number, other.trail)
    }
}

/// What came of one job.
package struct TrailJob: Sendable, Hashable {
    package var id: String
    /// The state before; `nil` where there was no such job.
    package var before: String?
    /// The state after.
    package var after: String?
    /// The verdict of the script: `done`, `asked`, `state`, `missing`, `invalid` or `unique`.
    package var verdict: String
    /// The values that were changed, each with what it was and what it is.
    package var changes: [(name: String, before: String?, after: String?)]

    package static func == (one: TrailJob, other: TrailJob) -> Bool { one.line == other.line }
    package func hash(into hasher: inout Hasher) { hasher.combine(line) }

    private let line: String

    /// Parses a line of an entry.
    init?(_ line: String) {
        let words = line.split(separator: " ").map { String($0) }
        guard words.count >= 4 else { return nil }
        func given(_ word: String) -> String? { word == "-" ? nil : word }
        self.line = line
        id = words[0]
        (before, after, verdict) = (given(words[1]), given(words[2]), words[3])
        changes = words.dropFirst(4).compactMap { word in
            let sides = word.split(separator: ":", maxSplits: 1)
            guard sides.count == 2 else { return nil }
            let values = sides[1].split(separator: ">", maxSplits: 1).map { given(String($0)) }
            guard values.count == 2 else { return nil }
            return (String(sides[0]), values[0], values[1])
        }
    }
}

/// An entry of the audit trail.
package struct TrailEntry: Sendable {
    package let position: TrailPosition
    /// The operator's call, as the server wrote it.
    package let by: [(key: String, value: JSONText)]
    /// What was done: the verb of a script, or the operation.
    package let action: String
    /// The answer: `ok` or a refusal of a script, or what the server found.
    package let answer: String
    /// How many jobs had each verdict, and how many were `changed`.
    package let counts: [String: Int]
    /// The first jobs.
    package let jobs: [TrailJob]
    /// Values of the queue before and after.
    package let before: [(name: String, value: String)]
    package let after: [(name: String, value: String)]

    /// When it was written, by Redis' clock.
    package var time: Date { Date(milliseconds: position.milliseconds) }

    /// The queue of the trail; `nil` for what concerns no single queue.
    package var queue: QueueName? { QueueName(position.trail) }

    /// Reads an entry of a stream; `nil` for one that this version does not understand.
    init?(_ value: RedisValue, trail: String) {
        guard let parts = value.array, parts.count == 2, let id = parts[0].string, let flat = parts[1].array,
            let position = TrailPosition("\(id)@\(trail)")
        else { return nil }
        var fields: [(name: String, bytes: [UInt8])] = []
        for index in stride(from: 0, to: flat.count - 1, by: 2) {
            fields.append((flat[index].string ?? "", flat[index + 1].bytes ?? []))
        }
        func bytes(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.bytes }
        func text(_ name: String) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }
        func values(_ head: String) -> [(name: String, value: String)] {
            fields.filter { $0.name.hasPrefix(head) }.map {
                (String($0.name.dropFirst(head.utf8.count)), String(decoding: $0.bytes, as: UTF8.self))
            }
        }
        guard let by = bytes("by").flatMap({ try? JSONText($0) })?.members(atMost: 32), let did = text("did") else {
            return nil
        }
        self.position = position
        self.by = by
        action = did
        answer = text("answer") ?? ""
        counts = Dictionary(values("n:").map { ($0.name, Int($0.value) ?? 0) }) { first, _ in first }
        jobs = (text("jobs") ?? "").split(separator: "\n").compactMap { TrailJob(String($0)) }
        (before, after) = (values("was:"), values("now:"))
    }
}
