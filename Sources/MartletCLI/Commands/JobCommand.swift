// `martlet job …`: lists and controls jobs.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Show and control jobs.",
        subcommands: [
            List.self, Get.self, Explain.self, Cancel.self, Pause.self, Resume.self, Retry.self, Run.self,
            Reprioritise.self,
            Delete.self, Clone.self, Edit.self,
        ])

    /// The columns of a list of jobs.
    static let view = ItemView(
        .text("ID", "id"), .text("QUEUE", "queue").shortened(to: 8).optional(2),
        .text("TYPE", "type").shortened(to: 12, .middle), .text("STATE", "state", "status"),
        .number("PRIORITY", "priority").optional(3), .number("ATTEMPT", "attempt").optional(4),
        .text("CREATED", "created_at").optional(5), .text("ERROR", "error").shortened(to: 20).optional(1))

    /// The order of the fields of one job.
    static let order = ["id", "queue", "type", "state", "status", "priority", "attempt", "max_retries", "payload"]

    /// The state of a job.
    static func state(_ job: JSONValue) -> String? { job["state"].string ?? job["status"].string }
}

extension JobCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List jobs, or find them by filters.",
            discussion: "A job must match all filters. A search that finds little goes on until it has seen all jobs.")

        @Option(help: "The queue; all queues without it.", transform: ValueRule.queue.text)
        var queue: String?
        @OptionGroup var filter: JobFilterOptions
        @OptionGroup var page: PageOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws { try page.check(.listCursor) }

        func run() async throws {
            let progress = SearchProgress()
            let answer = try await client.withClient { client in
                try await client.list(
                    "/api/v1/jobs", items: "jobs", query: [("queue", queue)] + filter.query, cursor: page.cursor,
                    limit: page.count, onPage: { progress.note($0) })
            }
            progress.clear()
            output.show(answer.items, as: JobCommand.view)
            page.noteRest(answer.cursor)
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one job.")

        @OptionGroup var job: OneJob
        @Flag(help: "Wait until it has finished; exit code 7 when it failed.")
        var wait = false
        @OptionGroup var waiting: WaitOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try await client.withClient { client in
                if wait {
                    return try await JobWait(id: job.id, queue: job.queue, within: waiting.limit).run(client, output)
                }
                output.show(try await client.get(job.path, query: job.query), first: JobCommand.order)
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Cancel jobs; a running one is asked to stop.")

        @OptionGroup var batch: JobBatch

        func run() async throws {
            try batch.consent.ask("Cancel", batch.ids.count, "jobs")
            try await batch.act(MatchingVerb("cancel")) { .post($0, "cancel") }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Pause jobs; a running one is asked to stop.")

        @OptionGroup var batch: JobBatch
        func run() async throws { try await batch.act(MatchingVerb("pause")) { .post($0, "pause") } }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Resume paused jobs at their old position.")

        @OptionGroup var batch: JobBatch
        func run() async throws { try await batch.act(MatchingVerb("resume")) { .post($0, "resume") } }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run failed or cancelled jobs again.")

        @OptionGroup var batch: JobBatch
        func run() async throws { try await batch.act(MatchingVerb("retry")) { .post($0, "retry") } }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run scheduled or retrying jobs now.")

        @OptionGroup var batch: JobBatch
        func run() async throws { try await batch.act(MatchingVerb("run")) { .post($0, "run") } }
    }

    struct Reprioritise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "priority", abstract: "Change the priority of jobs; a larger number runs first.")

        @Option(parsing: .unconditional, help: "From -1000 to 1000.", transform: ValueRule.priority.integer)
        var to: Int
        @OptionGroup var batch: JobBatch

        func run() async throws {
            let body = JSONValue.object(["priority": .integer(to)])
            let verb = MatchingVerb("priority", priority: to, question: "Set the priority \(to) of")
            try await batch.act(verb) { JobCall(method: .PATCH, path: $0, body: body) }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete finished jobs.")

        @OptionGroup var batch: JobBatch

        func run() async throws {
            try batch.consent.ask("Delete", batch.ids.count, "jobs")
            try await batch.act(MatchingVerb("delete")) { JobCall(method: .DELETE, path: $0) }
        }
    }
}

/// A job by its id.
struct OneJob: ParsableArguments {
    @Argument(help: "The job's id.", transform: ValueRule.jobID.text)
    var id: String
    @Option(help: "Its queue; needed only when two queues have the id.", transform: ValueRule.queue.text)
    var queue: String?

    /// Its path in the API.
    var path: String { "/api/v1/jobs/\(APIClient.escaped(id))" }
    /// The query that names its queue.
    var query: [(String, String?)] { [("queue", queue)] }
}

/// One request about one job.
struct JobCall {
    var method: HTTPMethod
    var path: String
    var body: JSONValue?

    /// A verb on a job.
    static func post(_ path: String, _ verb: String) -> JobCall { JobCall(method: .POST, path: "\(path)/\(verb)") }
}

/// Jobs by id, or all that match filters.
struct JobBatch: ParsableArguments {
    @Argument(help: "Ids of jobs.", transform: ValueRule.jobID.text)
    var ids: [String] = []
    @Option(
        help: "Their queue; with ids needed only when two queues have an id.", transform: ValueRule.queue.text)
    var queue: String?
    @OptionGroup var matching: MatchingOptions
    @OptionGroup var filter: JobFilterOptions
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var client: ClientOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard matching.allMatching else {
            guard filter.isEmpty, !matching.dryRun, matching.expectedCount == nil else {
                throw ValidationError("Filters, --dry-run and --expected-count need --all-matching.")
            }
            guard !ids.isEmpty else {
                throw ValidationError("Name the ids of jobs, or choose jobs by --all-matching and filters.")
            }
            return
        }
        guard ids.isEmpty else { throw ValidationError("Name ids or --all-matching, not both.") }
        guard !filter.isEmpty || queue != nil else {
            throw ValidationError("--all-matching needs a filter, such as --queue or --state.")
        }
    }

    /// Does it to all that match, or makes a request for each id; a refused one does not stop the others.
    func act(_ verb: MatchingVerb, _ call: (_ path: String) -> JobCall) async throws {
        guard !matching.allMatching else {
            let run = MatchingRun(
                verb: verb, filter: filter.json(queue: queue), isDryRun: matching.dryRun,
                expectedCount: matching.expectedCount, consent: consent, output: output)
            return try await client.withClient { try await run.run($0) }
        }
        var tally = Tally()
        var results: [JSONValue] = []
        try await client.withClient { client in
            for id in ids {
                let call = call("/api/v1/jobs/\(APIClient.escaped(id))")
                do {
                    let answer = try await client.send(
                        call.method, call.path, query: [("queue", queue)], body: call.body)
                    results.append(Self.result(id, answer.value))
                    tally.done += 1
                } catch let failure as CommandFailure where ids.count > 1 && Self.isAboutJob(failure) {
                    results.append(.object(["id": .string(id), "error": .string(failure.message)]))
                    tally.failed += 1
                }
            }
        }
        if results.count == 1 { return output.show(results[0], first: JobCommand.order) }
        output.show(
            results,
            as: ItemView(
                .text("ID", "id"), .text("STATE", "state", "status"), .text("ERROR", "error").shortened(to: 20)))
        try tally.check()
    }

    /// Adds the id to a response without one, such as that of a deletion.
    private static func result(_ id: String, _ answer: JSONValue) -> JSONValue {
        guard answer["id"].string != nil else { return .object(["id": .string(id)]) }
        return answer
    }

    private static func isAboutJob(_ failure: CommandFailure) -> Bool {
        ![.unavailable, .authentication, .usage].contains(failure.code)
    }
}
