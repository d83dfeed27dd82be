// `martlet events`: what happens to jobs and queues, as it happens.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happens to jobs and queues.",
        discussion: """
            Without -f it prints the events that are still kept, and exits. Queues record events only while somebody \
            listens. With -f it prints new events until Ctrl-C; it reconnects after a lost connection and neither loses \
            nor repeats an event. Separate names by commas; in queue names * matches any characters.
            """)

    @Flag(name: [.customShort("f"), .long], help: "Print new events until Ctrl-C.")
    var follow = false
    @Option(
        help: ArgumentHelp("Only events of these queues.", valueName: "names"), transform: ValueRule.eventQueues.text)
    var queue: String?
    @Option(help: ArgumentHelp("Only events of jobs of these types.", valueName: "types"))
    var type: String?
    @Option(help: ArgumentHelp("Only events of these jobs.", valueName: "ids"), transform: ValueRule.eventJobs.text)
    var job: String?
    @Option(
        help: ArgumentHelp("Only events of these kinds, such as completed,failed,queue.paused.", valueName: "kinds"),
        transform: ValueRule.eventKinds.text)
    var kinds: String?
    @Option(
        help: ArgumentHelp("Only events after this id; 0 prints all that are kept.", valueName: "id"),
        transform: ValueRule.eventStart.text)
    var since: String?
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if output.format == .json { throw ValidationError("Events cannot be one JSON value; use -o jsonl.") }
    }

    func run() async throws {
        _ = try await ProgramRun.untilInterrupted { try await show() }
    }

    private func show() async throws {
        var listing = EventListing(output.format, console: .standard)
        try await client.withClient { client in
            try await EventConnection(client, query, follows: follow).run { try listing.show($0) }
        }
    }

    private var query: [(String, String?)] {
        [
            ("queue", queue), ("type", type), ("job", job), ("kinds", kinds),
            ("since", since ?? (follow ? nil : "0")), ("follow", follow ? nil : "false"),
        ]
    }
}

/// Reads a stream of events, and connects again when it breaks.
struct EventConnection {
    private let client: APIClient
    private let query: [(String, String?)]
    private let follows: Bool

    init(_ client: APIClient, _ query: [(String, String?)], follows: Bool) {
        self.client = client
        self.query = query
        self.follows = follows
    }

    /// Hands each message on; goes on behind the last one after a break.
    func run(_ onMessage: (StreamMessage) throws -> Void) async throws {
        var last: String?
        var hasBegun = false
        repeat {
            do {
                try await client.events(query: query, after: last) { message in
                    hasBegun = true
                    last = message.id ?? last
                    if !message.event.isEmpty { try onMessage(message) }
                }
            } catch {
                // A refused request would be refused again, and a first connection that fails ends the command.
                guard follows, hasBegun, !Task.isCancelled, Self.isBreak(error) else { throw error }
            }
            if follows { try await Task.sleep(for: .seconds(1)) }
        } while follows
    }

    private static func isBreak(_ error: any Error) -> Bool {
        guard let failure = error as? CommandFailure else { return true }
        return failure.code == .unavailable
    }
}

/// Shows events line by line.
struct EventListing {
    private let format: OutputFormat
    private let console: Console
    private var hasTitle = false

    init(_ format: OutputFormat, console: Console) {
        self.format = format
        self.console = console
    }

    mutating func show(_ message: StreamMessage) throws {
        switch message.event {
        case "reset": console.note("Events may be missing here.")
        case "overflow": console.note("Too many events at once; connecting again.")
        default:
            guard let event = try? JSONValue(Array(message.data.utf8)) else { return }
            showEvent(event)
        }
    }

    private mutating func showEvent(_ event: JSONValue) {
        guard format == .table else { return console.out(event.line) }
        if !hasTitle, console.isTerminal { console.out(Self.line(["TIME", "QUEUE", "EVENT", "JOB", "DETAIL"])) }
        hasTitle = true
        let (data, kind) = (event["data"], event["type"].string ?? "")
        let name = kind.replacing("dev.martlet.job.", with: "").replacing("dev.martlet.", with: "")
        console.out(
            Self.line(
                [
                    event["time"].string ?? "", data["queue"].string ?? "", name, data["id"].string ?? "-",
                    Self.detail(data),
                ].map(TerminalText.oneLine)))
    }

    /// Columns of one width as far as they fit, since no event knows those that follow.
    private static func line(_ cells: [String]) -> String {
        let widths = [24, 12, 16, 26, 0]
        return zip(cells, widths).map { $0.padded(columns: $1) }.joined(separator: "  ").withoutTrailingSpaces
    }

    private static func detail(_ data: JSONValue) -> String {
        let parts = [
            data["state"].string, data["type"].string, data["worker"].string.map { "worker \($0)" },
            data["progress"]["percent"].double.map(HumanReadable.percent), data["due_at"].string.map { "due \($0)" },
            data["by"].string.map { "by \($0)" }, data["reason"].string,
            data["settings"].array.map { $0.compactMap(\.string).joined(separator: ",") },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}
