// GET /api/v1/events: what happens, as it happens.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    /// A stream of the events that the caller may see and asks for.
    func listen(_ call: Call) async throws -> Reply {
        let (filter, start) = (try Self.filter(call), try Self.start(call))
        let follows = try call.query.read(EventParameter.follow) ?? true
        guard !call.isHead else { return Self.stream(nil) }
        let permit = try StreamPermit(streams, call.caller)
        let subscription = try await store.events(filter, from: start)
        return Self.stream(
            EventStreamSource(
                subscription, permit: permit, pause: settings.streamPause, follows: follows, metrics: events))
    }

    private static func stream(_ source: EventStreamSource?) -> Reply {
        // Proxies would otherwise hold events back until enough of them have come.
        Reply(streaming: source, type: "text/event-stream").with(.accelBuffering, "no")
    }

    private static func filter(_ call: Call) throws(HTTPProblem) -> EventFilter {
        let (query, visible) = (call.query, call.caller.queues)
        var filter = EventFilter(queues: { visible.matches($0) })
        if let glob = try query.read(EventParameter.queue) {
            for word in glob.description.split(separator: ",") {
                // A name says that exactly this queue is meant; a pattern means what of it the token may see.
                if let name = QueueName(String(word)) { _ = try call.queue(name) }
            }
            filter.queues = { visible.matches($0) && glob.matches($0) }
        }
        filter.types = try query.read(EventParameter.type).map { Set($0.split(separator: ",").map(String.init)) }
        filter.jobs = try query.read(EventParameter.job)
        filter.kinds = try query.read(EventParameter.kinds)
        return filter
    }

    /// Where the stream begins: a browser that connects again says what it heard last.
    private static func start(_ call: Call) throws(HTTPProblem) -> EventStart {
        if let last = call.headers.value(of: .lastEventID), !last.isEmpty {
            guard let position = EventPosition(last) else {
                throw .invalid("Last-Event-ID", "must be the id of an event of this stream")
            }
            return .after(position)
        }
        return try call.query.read(EventParameter.since) ?? .now
    }
}
