// The parameters of the stream of events, and what the document says of it.

import MartletJSON
import MartletQueue

/// The query parameters of `GET /api/v1/events`.
enum EventParameter {
    static let queue = Parameter.text(
        "queue", "Only events of these queues: names separated by commas, in which `*` stands for any characters.")
    static let type = Parameter.text("type", "Only events of jobs of these types, separated by commas.")
    static let job = Parameter.text("job", "Only events of these jobs, separated by commas.")
    static let kinds = Parameter.text(
        "kinds",
        "Only events of these kinds, separated by commas: "
            + QueueEvent.Kind.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ") + ".")
    static let since = Parameter.text(
        "since", "Where to begin: `now`, `0` for all that is kept, or behind the `id` of a message.")
    static let follow = Parameter.flag(
        "follow", "Whether the stream goes on when all that was recorded before is sent.", default: true)

    /// All of them.
    static let all: [any Described] = [queue, type, job, kinds, since, follow]
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
