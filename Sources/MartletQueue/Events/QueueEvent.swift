// What happened to a job or to a queue, as listeners hear it.

public import FoundationEssentials
public import MartletJobs

/// Something that happened to a job or to a queue.
///
/// Events tell that something happened; the job itself has the rest. They are recorded only while somebody listens.
///
/// ```swift
/// let subscription = try await store.events(EventFilter(kinds: [.completed, .failed]))
/// for try await message in subscription {
///     if case .event(let event) = message { print(event.queue, event.kind, event.job?.description ?? "-") }
/// }
/// ```
public struct QueueEvent: Sendable, Hashable {
    /// What happened.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// A job was pushed: it is queued or scheduled.
        case pushed
        /// A scheduled or retrying job may run now: its time has come.
        case due
        /// The job waits for a limit, whose key is the reason.
        case blocked
        /// The limit that the job waited for has capacity again, and the job is queued.
        case unblocked
        /// A worker has claimed the job.
        case started
        /// The handler reported progress.
        case progress
        /// The job has completed.
        case completed
        /// The job has failed for good.
        case failed
        /// An attempt has failed, and another one follows.
        case retrying
        /// A worker gave the job back or put it off, without an attempt being charged.
        case released
        /// The job's worker was lost, or the process in which it ran.
        case lost
        /// A job that was lost twice waits for a worker that runs no other such job.
        case postponed
        /// An operator has paused the job.
        case paused
        /// An operator has resumed the job.
        case resumed
        /// A running job was asked to stop, for a pause or a cancellation.
        case stopping
        /// The job was cancelled.
        case cancelled
        /// An operator runs a failed or cancelled job again.
        case retried
        /// An operator has changed when the job runs.
        case rescheduled
        /// An operator has changed the job's priority, retries or payload.
        case updated
        /// The job is no longer kept.
        case deleted
        /// A repair has changed the job.
        case repaired
        /// The queue was created.
        case queueCreated = "queue.created"
        /// The queue was paused, alone or with all others.
        case queuePaused = "queue.paused"
        /// The queue was resumed, alone or with all others.
        case queueResumed = "queue.resumed"
        /// Settings of the queue have changed.
        case queueConfigured = "queue.configured"
        /// The queue was deleted.
        case queueRemoved = "queue.removed"

        /// Whether it is about the queue and not about one of its jobs.
        public var isOfQueue: Bool { rawValue.hasPrefix("queue.") }
    }

    /// What happened.
    public var kind: Kind
    /// The queue.
    public var queue: QueueName
    /// The job; `nil` for an event of the queue.
    public var job: JobID?
    /// The state of the job after it; `nil` where it is no longer kept, and for an event of the queue.
    public var state: JobState?
    /// The job's type, where it is known.
    public var type: String?
    /// The worker that claimed the job, of ``Kind/started``.
    public var worker: String?
    /// When a retrying or scheduled job may run, if that is what happened.
    public var dueAt: Date?
    /// The number of failed attempts, of ``Kind/retrying`` and ``Kind/failed``.
    public var failures: Int?
    /// The progress, of ``Kind/progress``.
    public var progress: JobProgress?
    /// Why it happened: an error, or the reason of an operator; at most 256 bytes of it.
    public var reason: String?
    /// Who did it, of ``Kind/queuePaused``.
    public var by: String?
    /// The settings that changed, of ``Kind/queueConfigured``.
    public var settings: [String] = []
    /// When, by Redis' clock.
    public var time: Date
    /// Where it stands among the events of its queue; unique there.
    public var mark: EventMark
}

/// The place of an event among those of its queue; later ones are larger.
public struct EventMark: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The time of the script call that did it, in ms of Redis' clock.
    public var milliseconds: UInt64
    /// Counts script calls of the same ms.
    public var sequence: UInt64
    /// Counts events of the same call.
    public var index: Int

    /// `<milliseconds>-<sequence>.<index>`.
    public var description: String { "\(milliseconds)-\(sequence).\(index)" }

    init(milliseconds: UInt64, sequence: UInt64, index: Int) {
        self.milliseconds = milliseconds
        self.sequence = sequence
        self.index = index
    }

    /// Behind all events of a script call.
    init?(entry: some StringProtocol, index: Int = .max) {
        let parts = entry.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = UInt64(parts[0]), let second = UInt64(parts[1]) else { return nil }
        self.init(milliseconds: first, sequence: second, index: index)
    }

    /// Reads what ``description`` wrote.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[1]), index >= 0 else { return nil }
        self.init(entry: parts[0], index: index)
    }

    /// The id of the script call's entry in the stream.
    var entry: String { "\(milliseconds)-\(sequence)" }

    /// Compares by time.
    ///
    /// - Parameters:
    ///   - left: a mark.
    ///   - right: another mark.
    /// - Returns: whether `left` is earlier.
    public static func < (left: EventMark, right: EventMark) -> Bool {
        (left.milliseconds, left.sequence, left.index) < (right.milliseconds, right.sequence, right.index)
    }
}

/// The place of a listener among the events of all its queues.
///
/// All events up to the floor have been heard, and in the queues that have a mark those up to the mark.
///
/// ```swift
/// let position = EventPosition(saved) ?? .start  // its description was saved
/// ```
public struct EventPosition: Sendable, Hashable, LosslessStringConvertible {
    /// The longest text of a position.
    static let longest = 64 << 10

    var floor: UInt64
    var marks: [QueueName: EventMark] = [:]

    /// Before all events that are kept.
    public static let start = EventPosition(floor: 0)

    init(floor: UInt64, marks: [QueueName: EventMark] = [:]) {
        self.floor = floor
        self.marks = marks
    }

    /// Reads the text of a position.
    ///
    /// - Parameter description: the text.
    /// - Returns: `nil` for a text that is no position.
    public init?(_ description: String) {
        guard description.utf8.count <= Self.longest else { return nil }
        let words = description.split(separator: "~", omittingEmptySubsequences: false)
        guard let first = words.first, let floor = UInt64(first) else { return nil }
        self.floor = floor
        for word in words.dropFirst() {
            let parts = word.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let queue = QueueName(String(parts[0])) else { return nil }
            // A queue of which all was heard up to some call has no index.
            guard let mark = EventMark(parts[1]) ?? EventMark(entry: parts[1]) else { return nil }
            marks[queue] = mark
        }
    }

    /// The text, without blanks.
    public var description: String {
        marks.sorted { $0.key < $1.key }.reduce(into: "\(floor)") { text, mark in
            text += "~\(mark.key):\(mark.value.index == .max ? mark.value.entry : mark.value.description)"
        }
    }

    /// Behind which mark the events of a queue have not been heard.
    func mark(of queue: QueueName) -> EventMark {
        let low = EventMark(milliseconds: floor, sequence: .max, index: .max)
        return marks[queue].map { max($0, low) }
            ?? (floor == 0 ? EventMark(milliseconds: 0, sequence: 0, index: 0) : low)
    }

    /// The position as far as it concerns some queues.
    func of(_ isMeant: (QueueName) -> Bool) -> EventPosition {
        EventPosition(floor: floor, marks: marks.filter { isMeant($0.key) })
    }
}
