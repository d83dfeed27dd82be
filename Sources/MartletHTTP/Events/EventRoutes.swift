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
        if let text = try query.read(EventParameter.queue) {
            guard let glob = QueueGlob(text) else {
                throw .invalid("?queue", "must be names of queues, with * for any characters, separated by commas")
            }
            for word in text.split(separator: ",") {
                // A name says that exactly this queue is meant; a pattern means what of it the token may see.
                if let name = QueueName(String(word)) { _ = try call.queue(name) }
            }
            filter.queues = { visible.matches($0) && glob.matches($0) }
        }
        filter.types = try query.read(EventParameter.type).map { Set($0.split(separator: ",").map(String.init)) }
        filter.jobs = try words(try query.read(EventParameter.job), "?job", JobID.rule) { JobID($0) }
        filter.kinds = try words(try query.read(EventParameter.kinds), "?kinds", kindRule) {
            QueueEvent.Kind(rawValue: $0)
        }
        return filter
    }

    private static let kindRule =
        "must be some of \(QueueEvent.Kind.allCases.map(\.rawValue).joined(separator: ", ")), separated by commas"

    private static func words<Value: Hashable>(
        _ text: String?, _ pointer: String, _ rule: String, _ parse: (String) -> Value?
    ) throws(HTTPProblem) -> Set<Value>? {
        guard let text else { return nil }
        var values: Set<Value> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let value = parse(String(word)), values.count < 1000 else { throw .invalid(pointer, rule) }
            values.insert(value)
        }
        return values
    }

    /// Where the stream begins: a browser that connects again says what it heard last.
    private static func start(_ call: Call) throws(HTTPProblem) -> EventStart {
        if let last = call.headers.value(of: .lastEventID), !last.isEmpty {
            guard let position = EventPosition(last) else {
                throw .invalid("Last-Event-ID", "must be the id of an event of this stream")
            }
            return .after(position)
        }
        switch try call.query.read(EventParameter.since) {
        case nil, "now": return .now
        case .some(let text):
            guard let position = EventPosition(text) else {
                throw .invalid("?since", "must be now, 0, or the id of an event")
            }
            return .after(position)
        }
    }
}
