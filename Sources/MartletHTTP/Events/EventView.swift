// Events as CloudEvents in server-sent events.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    /// An event in the JSON form of CloudEvents 1.0.
    static func cloudEvent(_ event: QueueEvent) -> JSONOutput {
        .object([
            "specversion": "1.0", "id": .string(event.mark.description),
            "source": .string("/api/v1/queues/\(event.queue)"), "type": .string(event.cloudType),
            "subject": event.job.map { .string($0.description) }, "time": .time(event.time),
            "data": data(of: event),
        ])
    }

    private static func data(of event: QueueEvent) -> JSONOutput {
        .object([
            "queue": .string(event.queue.description), "id": event.job.map { .string($0.description) },
            "type": event.type.map { .string($0) }, "state": event.state.map { .string($0.rawValue) },
            "worker": event.worker.map { .string($0) }, "due_at": event.dueAt.map(JSONOutput.time),
            "failures": event.failures.map { .int($0) }, "progress": event.progress.map(JSONOutput.progress),
            "reason": event.reason.map { .string($0) }, "by": event.by.map { .string($0) },
            "settings": event.settings.isEmpty ? nil : .array(event.settings.map { .string($0) }),
        ])
    }
}

extension QueueEvent {
    /// The type of the CloudEvent.
    var cloudType: String { "dev.martlet.\(kind.isOfQueue ? "" : "job.")\(kind.rawValue)" }
}

/// The text of a stream of server-sent events.
struct ServerSentEvents: Sendable {
    /// What to send; empty when there is nothing.
    private(set) var bytes: [UInt8] = []

    /// How long a browser waits before it connects again, in ms, and where it goes on.
    mutating func begin(at position: EventPosition) { add("retry: 2000\nid: \(position)\n\n") }

    mutating func event(_ event: QueueEvent, at position: EventPosition) {
        add("id: \(position)\nevent: \(event.cloudType)\ndata: ")
        bytes += JSONOutput.cloudEvent(event).bytes
        add("\n\n")
    }

    /// Events may be missing before this position.
    mutating func reset(to position: EventPosition) {
        add("id: \(position)\nevent: reset\ndata: {\"reason\":\"events may be missing; read the state anew\"}\n\n")
    }

    /// The reader was too slow; it may connect again and goes on where it was.
    mutating func overflow() {
        add("event: overflow\ndata: {\"reason\":\"too many events waited to be read\"}\n\n")
    }

    /// Shows that the stream is alive, and where a reader would go on.
    mutating func keepAlive(at position: EventPosition) { add(": keep-alive\nid: \(position)\n\n") }

    private mutating func add(_ text: String) { bytes += text.utf8 }
}
