// An entry of a queue's stream: the events of one script call, as `events.lua` writes them.

import FoundationEssentials
import MartletJobs
import MartletRedis

/// The events of one script call.
struct EventEntry: Sendable {
    let queue: QueueName
    /// Behind its last event.
    let end: EventMark
    let events: [QueueEvent]
    /// Whether something may have happened unheard before it.
    let isGap: Bool

    /// Reads an entry of a stream as `XREAD` and `XRANGE` answer it; words that this version does not know are left out.
    init?(_ value: RedisValue, of queue: QueueName) {
        guard let parts = value.array, parts.count == 2, let id = parts[0].string, let end = EventMark(entry: id),
            let words = parts[1].array
        else { return nil }
        self.queue = queue
        self.end = end
        var reader = EventReader(queue: queue, end: end)
        for index in stride(from: 0, to: words.count - 1, by: 2) { reader.read(words[index], words[index + 1]) }
        events = reader.events
        isGap = reader.isGap
    }
}

/// Makes events of the pairs of an entry.
private struct EventReader {
    let queue: QueueName
    let end: EventMark
    var events: [QueueEvent] = []
    var isGap = false

    mutating func read(_ head: RedisValue, _ body: RedisValue) {
        let (head, body) = (head.text, body.text)
        switch head.first {
        case "=": readOne(String(head.dropFirst()), body)
        case "#": readOfQueue(String(head.dropFirst()), body)
        default: readMany(head, body)
        }
    }

    private mutating func add(_ kind: QueueEvent.Kind, _ job: JobID?, _ change: (inout QueueEvent) -> Void) {
        let time = Date(milliseconds: Int(clamping: end.milliseconds))
        let mark = EventMark(milliseconds: end.milliseconds, sequence: end.sequence, index: events.count)
        var event = QueueEvent(kind: kind, queue: queue, job: job, time: time, mark: mark)
        change(&event)
        events.append(event)
    }

    /// `<kind>`, `<kind> <type>`, or `started <type>` and behind a line break the worker; then ids.
    private mutating func readMany(_ head: String, _ body: String) {
        let words = head.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let word = words.first.map(String.init) ?? ""
        let isScheduled = word == "scheduled"
        guard let kind = isScheduled ? .pushed : QueueEvent.Kind(rawValue: word), !kind.isOfQueue else { return }
        let rest = words.count > 1 ? words[1] : ""
        let names = rest.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        for id in body.split(separator: " ") {
            guard let id = JobID(String(id)) else { continue }
            add(kind, id) { event in
                event.state = isScheduled ? .scheduled : kind.impliedState
                event.type = names.first.flatMap { $0.isEmpty ? nil : String($0) }
                if kind == .started, names.count > 1 { event.worker = Self.worker(names[1]) }
            }
        }
    }

    /// The second of two claims in flight has a name of its own.
    private static func worker(_ name: Substring) -> String {
        name.hasSuffix("#2") ? String(name.dropLast(2)) : String(name)
    }

    /// `<id> <state> <due ms> <failures> <text>`; what there is not is `-`.
    private mutating func readOne(_ word: String, _ body: String) {
        let words = body.split(separator: " ", maxSplits: 4, omittingEmptySubsequences: false)
        guard let kind = QueueEvent.Kind(rawValue: word), !kind.isOfQueue, words.count == 5,
            let id = JobID(String(words[0]))
        else { return }
        add(kind, id) { event in
            event.state = JobState(rawValue: String(words[1])) ?? kind.impliedState
            event.dueAt = Int(words[2]).map { Date(milliseconds: $0) }
            event.failures = Int(words[3])
            if kind == .progress {
                event.progress = JobProgress(stored: String(words[4]))
            } else {
                event.reason = words[4].isEmpty ? nil : String(words[4])
            }
        }
    }

    private mutating func readOfQueue(_ word: String, _ body: String) {
        if word == "listening" { isGap = true }
        guard let kind = QueueEvent.Kind(rawValue: "queue." + word) else { return }
        add(kind, nil) { event in
            switch kind {
            case .queuePaused:
                let words = body.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
                event.by = words.first.flatMap { $0.isEmpty ? nil : String($0) }
                event.reason = words.count > 1 && !words[1].isEmpty ? String(words[1]) : nil
            case .queueConfigured: event.settings = body.split(separator: " ").map(String.init)
            default: break
            }
        }
    }
}

extension QueueEvent.Kind {
    /// The state of a job after such an event, where it is always the same.
    fileprivate var impliedState: JobState? {
        switch self {
        case .pushed, .due, .unblocked: .queued
        case .blocked: .blocked
        case .started, .progress, .stopping: .active
        case .completed: .completed
        case .failed: .failed
        case .cancelled: .cancelled
        case .paused: .paused
        default: nil
        }
    }
}

extension RedisValue {
    /// The text; a cut character at its end becomes a replacement.
    fileprivate var text: String { string ?? bytes.map { String(decoding: $0, as: UTF8.self) } ?? "" }
}
