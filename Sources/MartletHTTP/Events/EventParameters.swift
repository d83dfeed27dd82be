// The parameters of the stream of events, and what the document says of it.

import MartletJSON
import MartletJobs
import MartletQueue

/// The query parameters of `GET /api/v1/events`.
enum EventParameter {
    static let queue = Parameter<QueueGlob>(
        "queue", .text,
        "Only events of these queues: names separated by commas, in which `*` stands for any characters."
    ) { query throws(HTTPProblem) in
        guard let text = given("queue", query) else { return nil }
        guard let glob = QueueGlob(text) else {
            throw .invalid("?queue", "must be names of queues, with * for any characters, separated by commas")
        }
        return glob
    }
    static let type = Parameter.text("type", "Only events of jobs of these types, separated by commas.")
    static let job = list("job", "Only events of these jobs, separated by commas.", JobID.rule) { JobID($0) }
    static let kinds = list(
        "kinds",
        "Only events of these kinds, separated by commas: "
            + QueueEvent.Kind.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") + ".",
        "must be some of \(QueueEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")), separated by commas"
    ) { QueueEvent.Kind(rawValue: $0) }
    static let since = Parameter<EventStart>(
        "since", .text, "Where to begin: `now`, `0` for all that is kept, or behind the `id` of a message."
    ) { query throws(HTTPProblem) in
        guard let text = given("since", query) else { return nil }
        if text == "now" { return .now }
        guard let position = EventPosition(text) else {
            throw .invalid("?since", "must be now, 0, or the id of an event")
        }
        return .after(position)
    }
    static let follow = Parameter.flag(
        "follow", "Whether the stream goes on when all that was recorded before is sent.", default: true)

    /// All of them.
    static let all: [any Described] = [queue, type, job, kinds, since, follow]

    /// At most a thousand values, separated by commas.
    private static func list<Value: Hashable & Sendable>(
        _ name: String, _ about: String, _ rule: String, _ parse: @escaping @Sendable (String) -> Value?
    ) -> Parameter<Set<Value>> {
        Parameter(name, .text, about) { query throws(HTTPProblem) in
            guard let text = given(name, query) else { return nil }
            var values: Set<Value> = []
            for word in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let value = parse(String(word)), values.count < 1000 else { throw .invalid("?\(name)", rule) }
                values.insert(value)
            }
            return values
        }
    }

    /// The text of a parameter; an empty one counts as absent.
    private static func given(_ name: String, _ query: Query) -> String? {
        query[name].flatMap { $0.isEmpty ? nil : $0 }
    }
}

extension RouteDescription {
    static var events: RouteDescription {
        RouteDescription(
            "listenToEvents", .events, "Listen to events",
            """
            A stream of server-sent events. `data` is a CloudEvent 1.0 in JSON, `event` its type, such as \
            `dev.martlet.job.completed`, and `id` the place from which the stream can go on. `reset` says that events may \
            be missing, `overflow` that the reader is too slow.
            """,
            answers: [.text("text/event-stream", about: "The stream.")], problems: [.tooManyStreams, .streamsFull],
            headers: [.lastEventID],
            examples: [RouteExample("recorded", "What is recorded already", query: "since=0&follow=false")])
    }
}
