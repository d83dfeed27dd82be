// `martlet enqueue TYPE`: push one job of any type.

import ArgumentParser

struct EnqueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "enqueue", abstract: "Push a job.")

    @Argument(help: "The job's type.")
    var type: String
    @Option(name: [.short, .long], help: "The payload: JSON, @FILE or - for standard input.")
    var data: String?
    @Option(help: "The queue (default).")
    var queue: String?
    @Option(parsing: .unconditional, help: "From -1000 to 1000; a larger number runs first.")
    var priority: Int?
    @Option(name: .customLong("delay"), help: "Seconds to wait before it may run.")
    var delaySeconds: Double?
    @Option(help: "Retries after the first attempt, 0 to 100.")
    var maxRetries: Int?
    @Option(help: "Seconds that one attempt may take.")
    var timeoutSeconds: Double?
    @Option(help: "Its id; pushing the same job again under the same id does nothing.")
    var id: String?
    @Option(help: "Makes the same command safe to repeat: with this key again it finds its first job.")
    var idempotencyKey: String?
    @Option(help: "Nothing is pushed while a job with this key waits or runs.")
    var uniqueKey: String?
    @Option(name: .customLong("tag"), help: "A tag; may be given several times.")
    var tags: [String] = []
    @Option(
        help: "What to wait for before it counts as pushed: memory, fsync or replicated; never less than the queue's.")
    var durability: String?
    @Flag(help: "Wait until the job has ended; exit code 7 when it failed.")
    var wait = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let body = try request()
        try await client.withClient { client in
            let job = try await client.post("/api/v1/jobs", body: body, key: idempotencyKey)
            Self.noteUnconfirmed(job)
            guard wait, let id = job["id"].string else { return output.show(job, first: JobCommand.order) }
            let ended = try await JobWait(id: id, queue: job["queue"].string, within: waiting.limit).run(client)
            output.show(ended, first: JobCommand.order)
            try JobWait.check(ended)
        }
    }

    /// It is pushed, and nobody has said that it is as safe as it should be.
    static func noteUnconfirmed(_ answer: JSON, console: Console = .standard) {
        guard answer["durability"].string == "unconfirmed" else { return }
        console.note("It is pushed, but not confirmed: \(answer["durability_detail"].string ?? "nobody said why")")
    }

    private func request() throws -> JSON {
        .fields([
            "type": .string(type), "payload": try payload(), "queue": queue.map(JSON.string),
            "priority": priority.map(JSON.integer), "delay_seconds": delaySeconds.map(JSON.number),
            "max_retries": maxRetries.map(JSON.integer),
            "timeout_seconds": timeoutSeconds.map(JSON.number), "id": id.map(JSON.string),
            "unique_key": uniqueKey.map(JSON.string),
            "tags": tags.isEmpty ? nil : .array(tags.map(JSON.string)), "durability": durability.map(JSON.string),
        ])
    }

    private func payload() throws -> JSON? {
        guard let data else { return nil }
        if data == "-" { return try .parse(InputFile.read("-"), source: "standard input") }
        if data.hasPrefix("@") {
            let path = String(data.dropFirst())
            return try .parse(InputFile.read(path), source: path)
        }
        return try .parse(data.utf8, source: "the payload")
    }
}

/// Waits until a job has ended.
struct JobWait {
    var id: String
    var queue: String?
    var within: Duration

    /// The job once it has ended.
    func run(_ client: APIClient) async throws -> JSON {
        let deadline = ContinuousClock.now + within
        while true {
            let left = deadline - .now
            guard left > .zero else {
                throw CommandFailure(.timedOut, "job \(id) has not ended in time")
            }
            let seconds = min(20, Int(left.components.seconds))
            let job = try await client.get(
                "/api/v1/jobs/\(APIClient.escaped(id))", query: [("queue", queue), ("wait", String(seconds))])
            if Self.isFinal(job) { return job }
            if seconds == 0 { try await Task.sleep(for: min(left, .milliseconds(100))) }
        }
    }

    private static func isFinal(_ job: JSON) -> Bool {
        ["completed", "failed", "cancelled"].contains(JobCommand.state(job))
    }

    /// Throws when the job did not complete.
    static func check(_ job: JSON) throws {
        let state = JobCommand.state(job) ?? "gone"
        guard state != "completed" else { return }
        let reason = job["error"].string.map { ": \($0)" } ?? ""
        throw CommandFailure(.jobFailed, "the job is \(state)\(reason)")
    }
}
