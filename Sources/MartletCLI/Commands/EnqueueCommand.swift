// `martlet enqueue TYPE`: pushes one job of any type.

import ArgumentParser
import MartletCommandSupport
import MartletDownloads
import MartletHTTP
import MartletJSON
import MartletQueue

struct EnqueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue", abstract: "Push a job.",
        discussion: "The payload is sent byte for byte. Times are seconds or have a unit: 90, 500ms, 5m, 1h30m, 2d.")

    @Argument(help: "The job's type.", transform: ValueRule.type.text)
    var type: String
    @Option(
        name: [.short, .long], parsing: .unconditional,
        help: ArgumentHelp("The payload: JSON, @FILE or - for standard input.", valueName: "json"))
    var data: String?
    @Option(help: "The queue (default).", transform: ValueRule.queue.text)
    var queue: String?
    @Option(
        parsing: .unconditional, help: "From -1000 to 1000; a larger number runs first.",
        transform: ValueRule.priority.integer)
    var priority: Int?
    @Option(help: ArgumentHelp("Delay before it may run.", valueName: "time"), transform: ValueRule.delay.time)
    var delay: TimeSpan?
    @Option(
        help: ArgumentHelp("When it may run, such as 2026-01-31T12:00:00Z.", valueName: "moment"),
        transform: ValueRule.runAt.text)
    var runAt: String?
    @Option(
        parsing: .unconditional, help: "Retries after the first attempt, 0 to 100.",
        transform: ValueRule.maxRetries.integer)
    var maxRetries: Int?
    @Option(
        help: ArgumentHelp(
            "Waits between attempts, such as base=1s,factor=2,cap=1h,jitter=0.1; omitted parts have their defaults.",
            valueName: "policy"), transform: ValueRule.backoff.backoff)
    var backoff: BackoffOption?
    @Option(
        name: [.customLong("timeout"), .customLong("timeout-seconds")],
        help: ArgumentHelp("How long one attempt may take.", valueName: "time"), transform: ValueRule.timeout.time)
    var timeout: TimeSpan?
    @Option(
        help: "Its id; pushing the same job again with the same id does nothing.",
        transform: ValueRule.newID.text)
    var id: String?
    @Option(
        help: "Idempotency key: a repeated command with the same key returns the first job.",
        transform: ValueRule.idempotencyKey.text)
    var idempotencyKey: String?
    @Option(help: "Push nothing while a job with this key waits or runs.", transform: ValueRule.uniqueKey.text)
    var uniqueKey: String?
    @Option(name: .customLong("tag"), help: "A tag; may be given several times.")
    var tags: [String] = []
    @Option(
        name: .customLong("limit"),
        help: ArgumentHelp(
            "A key by which the queue may limit what runs, such as host:example.com, or tenant:7=2 with a weight; may be given several times.",
            valueName: "key"))
    var limits: [LimitOption] = []
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Metadata: a JSON object, @FILE or - for standard input.", valueName: "json"))
    var metadata: String?
    @Option(
        help: "Where in a trace the job is pushed (W3C Trace Context).", transform: ValueRule.traceparent.text)
    var traceparent: String?
    @Option(help: "What goes with --traceparent.", transform: ValueRule.tracestate.text)
    var tracestate: String?
    @Option(
        help: "What to wait for before it counts as pushed: memory, fsync or replicated; never less than the queue's.",
        transform: ValueRule.durability.text)
    var durability: String?
    @Flag(help: "Wait until the job has finished; exit code 7 when it failed.")
    var wait = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if delay != nil, runAt != nil { throw ValidationError("Give --delay or --run-at, not both.") }
        if data == "-", metadata == "-" {
            throw ValidationError("Only one of --data and --metadata can be standard input.")
        }
        if tracestate != nil, traceparent == nil { throw ValidationError("--tracestate goes only with --traceparent.") }
        try ValueRule.tags.check(.array(tags.map(JSONValue.string)), of: "--tag")
        try ValueRule.limits.check(.array(limits.map(\.json)), of: "--limit")
        guard type != DownloadJob.name, queue != QueueName.downloads.description else {
            let name = type == DownloadJob.name ? "<type>" : "--queue"
            throw ValidationError("\(name): downloads are pushed by: martlet download add")
        }
    }

    func run() async throws {
        let body = try request()
        try await client.withClient { client in
            let job = try await client.post("/api/v1/jobs", body: body, key: idempotencyKey)
            Self.noteUnconfirmed(job)
            guard wait, let id = job["id"].string else { return output.show(job, first: JobCommand.order) }
            WaitReport(output.format).begin([id])
            try await JobWait(id: id, queue: job["queue"].string, within: waiting.limit).run(client, output)
        }
    }

    /// Warns that the requested durability was not confirmed.
    static func noteUnconfirmed(_ answer: JSONValue, console: Console = .standard) {
        guard answer["durability"].string == "unconfirmed" else { return }
        console.note("It is pushed, but not confirmed: \(answer["durability_detail"].string ?? "no reason was given")")
    }

    private func request() throws -> JSONValue {
        let payload = try Self.json(data, "the payload")
        if let size = payload?.bytes.count, size > ServerSettings().payloadLimit {
            throw ValidationError("--data has \(size) bytes; a payload has at most \(ServerSettings().payloadLimit)")
        }
        let metadata = try Self.json(metadata, "the metadata")
        if let metadata { try ValueRule.metadata.check(metadata, of: "--metadata") }
        return .fields([
            "type": .string(type), "payload": payload, "queue": queue.map(JSONValue.string),
            "priority": priority.map(JSONValue.integer), "delay_seconds": delay?.json,
            "run_at": runAt.map(JSONValue.string),
            "max_retries": maxRetries.map(JSONValue.integer), "backoff": backoff?.json,
            "timeout_seconds": timeout?.json, "id": id.map(JSONValue.string),
            "unique_key": uniqueKey.map(JSONValue.string),
            "tags": tags.isEmpty ? nil : .array(tags.map(JSONValue.string)),
            "limits": limits.isEmpty ? nil : .array(limits.map(\.json)),
            "metadata": metadata, "traceparent": traceparent.map(JSONValue.string),
            "tracestate": tracestate.map(JSONValue.string), "durability": durability.map(JSONValue.string),
        ])
    }

    /// JSON from the command line, a file or standard input, unchanged.
    static func json(_ text: String?, _ name: String) throws -> JSONValue? {
        guard let text else { return nil }
        if text == "-" { return try .verbatim(InputFile.read("-"), source: "standard input") }
        guard text.hasPrefix("@") else { return try .verbatim(Array(text.utf8), source: name) }
        let path = String(text.dropFirst())
        return try .verbatim(InputFile.read(path), source: path)
    }
}

/// A retry policy on the command line: `base=1s,factor=2,cap=1h,jitter=0.1`.
struct BackoffOption: ExpressibleByArgument, Sendable {
    let json: JSONValue

    init?(argument: String) {
        var object = JSONObject()
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            guard sides.count == 2 else { return nil }
            switch sides[0] {
            case "base", "cap":
                guard let seconds = Quantity.seconds(sides[1]) else { return nil }
                object["\(sides[0])_seconds"] = .number(seconds)
            case "factor", "jitter":
                guard let number = Double(sides[1]), number.isFinite else { return nil }
                object[sides[0]] = .number(number)
            default: return nil
            }
        }
        json = .object(object)
    }
}

/// A limit key on the command line: `host:example.com`, or `tenant:7=2` with a weight.
struct LimitOption: ExpressibleByArgument, Sendable {
    let json: JSONValue

    init?(argument: String) {
        guard let sign = argument.lastIndex(of: "="), let weight = Int(argument[argument.index(after: sign)...]) else {
            json = .string(argument)
            return
        }
        json = .fields(["key": .string(String(argument[..<sign])), "weight": .integer(weight)])
    }
}
