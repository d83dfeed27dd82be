// Where the reader of events stands in each queue's stream, and what its listeners have heard. Pure.

import MartletJobs

/// The positions of a reader that follows the streams of many queues.
///
/// Stream ids are times of one clock, so most of a position is one number, the floor: what every queue did up to then was
/// read. Only queues that did something since then have a mark of their own.
struct EventFollower: Sendable {
    private struct Cursor {
        /// Behind what was read; `nil` until Redis has said where the stream ends.
        var mark: EventMark?
        /// Whether the mark is that of an entry.
        var isEntry = false
        /// How often the registry did not have the queue any more.
        var absences = 0
    }

    private var cursors: [QueueName: Cursor] = [:]
    private var registered: Set<QueueName>?
    private var polledAt: UInt64 = 0
    private var nextFloor: UInt64 = 0
    /// What all queues did up to this ms was read.
    private(set) var floor: UInt64 = 0
    /// The marks behind the floor.
    private var recent: [QueueName: EventMark] = [:]

    /// What a listener that has heard everything has heard.
    var position: EventPosition { EventPosition(floor: floor, marks: recent) }

    /// The queues that are followed.
    var queues: [QueueName] { cursors.keys.sorted() }

    /// Behind what each queue's stream is read on; queues whose stream is not known yet are missing.
    var marks: [QueueName: EventMark] { cursors.compactMapValues(\.mark) }

    /// The queues of which Redis has not said yet where their streams end.
    var unknown: [QueueName] { cursors.filter { !$0.value.isEntry }.keys.sorted() }

    /// The entry that must still be there, or something was missed.
    func held(_ queue: QueueName) -> String? {
        guard let cursor = cursors[queue], cursor.isEntry else { return nil }
        return cursor.mark?.entry
    }

    /// Takes the names of all queues, read at this ms of Redis' clock.
    ///
    /// A queue that was not there at the last time was created since, so its stream is read from then on.
    mutating func polled(_ names: Set<QueueName>, at now: UInt64, isWanted: (QueueName) -> Bool) {
        for (name, cursor) in cursors {
            let absences = names.contains(name) ? 0 : cursor.absences + 1
            // Its stream says how it ended, so it is read a little longer.
            cursors[name] = isWanted(name) && absences < 3 ? cursor : nil
            cursors[name]?.absences = absences
            if cursors[name] == nil { recent[name] = nil }
        }
        for name in names where cursors[name] == nil && isWanted(name) {
            let isNew = registered.map { !$0.contains(name) } ?? false
            let start = EventMark(milliseconds: max(polledAt, 1) - 1, sequence: .max, index: .max)
            cursors[name] = Cursor(mark: isNew ? start : nil)
        }
        if registered == nil { floor = max(now, 1) - 1 }
        (registered, polledAt, nextFloor) = (names, now, max(now, 1) - 1)
    }

    /// Takes what Redis said of a stream: its last entry, and whether the one named by ``held(_:)`` is still there.
    ///
    /// - Returns: whether events may have been missed.
    mutating func listened(_ queue: QueueName, last: EventMark, isWhole: Bool) -> Bool {
        guard let cursor = cursors[queue] else { return false }
        guard let mark = cursor.mark, isWhole else {
            cursors[queue]?.mark = last
            cursors[queue]?.isEntry = true
            note(queue, last)
            return cursor.mark != nil
        }
        // Nothing was written since its creation was awaited.
        if !cursor.isEntry, last < mark { cursors[queue] = Cursor(mark: last, isEntry: true) }
        return false
    }

    /// The queue is not there, or not yet.
    mutating func forget(_ queue: QueueName) {
        cursors[queue] = nil
        registered?.remove(queue)
        recent[queue] = nil
    }

    /// Takes an entry that was read.
    ///
    /// - Returns: what was heard before it.
    mutating func read(_ entry: EventEntry) -> EventPosition {
        if entry.end.milliseconds <= floor { lowerFloor(to: max(entry.end.milliseconds, 1) - 1) }
        let before = position
        cursors[entry.queue]?.mark = entry.end
        cursors[entry.queue]?.isEntry = true
        note(entry.queue, entry.end)
        return before
    }

    /// A round of reading ended; `isWhole` says that it read all there was.
    mutating func roundEnded(isWhole: Bool) {
        guard isWhole, nextFloor > floor else { return }
        floor = nextFloor
        recent = recent.filter { $0.value.milliseconds > floor }
    }

    private mutating func note(_ queue: QueueName, _ mark: EventMark) {
        recent[queue] = mark.milliseconds > floor ? mark : nil
    }

    /// Redis' clock went back: what lies below the floor is told by marks again.
    private mutating func lowerFloor(to milliseconds: UInt64) {
        (floor, nextFloor) = (milliseconds, milliseconds)
        recent = cursors.compactMapValues { $0.isEntry ? $0.mark : nil }.filter { $0.value.milliseconds > milliseconds }
    }
}
