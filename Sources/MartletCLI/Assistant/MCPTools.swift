// The tools of `martlet mcp`: one table.

import MartletJSON
import MartletQueue
import NIOHTTP1

extension MCPTool {
    /// All tools; those that change something come last.
    static let all = reads + writes

    private static let reads = [
        MCPTool(
            name: "stats", title: "Totals",
            help: "The totals of all queues: jobs by state, pauses, workers, and what ended per day."
        ) { _ in MCPRequest(path: "/api/v1/stats") },
        MCPTool(
            name: "check_health", title: "Health",
            help: "Whether the server is ready, and which check fails if it is not."
        ) { _ in MCPRequest(path: "/readyz") },
        MCPTool(
            name: "list_queues", title: "Queues",
            help: "All queues with their pause, settings, jobs by state and the wait of the oldest runnable job."
        ) { _ in MCPRequest(path: "/api/v1/queues") },
        MCPTool(
            name: "get_queue", title: "Queue", help: "One queue: pause with its reason, settings, jobs by state.",
            arguments: [.queueName]
        ) { MCPRequest(path: "/api/v1/queues/\(escaped($0["queue"]))") },
        MCPTool(
            name: "list_jobs", title: "Jobs",
            help: """
                Jobs that match all of the filters: those that run next first, those that finished last first. Each has \
                its error. A search may end before all jobs were looked at; then scanned.complete is false, and next_cursor \
                goes on.
                """,
            arguments: [.text("queue", "The queue; all queues if omitted.")] + jobFilters + [
                .text("payload_path", "Only jobs with payload_value at this place in the payload, as customer.id."),
                .text("payload_value", "The value at payload_path."), .limit, .cursor,
            ]
        ) { values in
            let names = ["queue"] + jobFilters.map(\.name) + ["cursor"]
            let payload = values["payload_path"].map { ("payload.\($0)", values["payload_value"]) }
            return MCPRequest(
                path: "/api/v1/jobs",
                query: names.map { ($0, values[$0]) } + (payload.map { [$0] } ?? []) + [limit(values)])
        },
        MCPTool(
            name: "get_job", title: "Job",
            help: "One job: state, payload, progress, result or error, attempts, and the times of its changes.",
            arguments: [.job, .queue]
        ) { MCPRequest(path: path($0), query: [("queue", $0["queue"])]) },
        MCPTool(
            name: "list_errors", title: "Errors",
            help: "The errors of the last 7 days in groups of alike ones, the latest first, each with its fingerprint.",
            arguments: [.text("queue", "The queue; all queues if omitted."), .limit, .cursor]
        ) { values in
            MCPRequest(path: "/api/v1/errors", query: ["queue", "cursor"].map { ($0, values[$0]) } + [limit(values)])
        },
        MCPTool(
            name: "get_queue_history", title: "History",
            help: "How a queue did: jobs pushed, completed and failed, waits and run times, for each step of time.",
            arguments: [
                .queueName, .text("from", "The beginning, in RFC 3339."),
                .text("step", "The seconds of a step."), .text("type", "Only the waits and run times of this type."),
            ]
        ) { values in
            MCPRequest(
                path: "/api/v1/queues/\(escaped(values["queue"]))/history",
                query: ["from", "step", "type"].map { ($0, values[$0]) })
        },
        MCPTool(
            name: "list_workers", title: "Workers",
            help: "The worker processes: host, version, queues, slots, busy slots, and when each was last seen."
        ) { _ in MCPRequest(path: "/api/v1/workers") },
        MCPTool(
            name: "list_downloads", title: "Downloads",
            help: "The downloads: running ones first, then in the order in which they will run, then finished ones.",
            arguments: [
                .text(
                    "status", "pending, queued, downloading, paused, completed, failed or cancelled; all if omitted."),
                .limit, .cursor,
            ]
        ) { values in
            MCPRequest(
                path: "/api/downloads", query: ["status", "cursor"].map { ($0, values[$0]) } + [limit(values)])
        },
    ]

    /// The filters of jobs, named as in the HTTP API.
    private static let jobFilters: [MCPArgument] = [
        .state, .text("type", "Only jobs of this type."), .text("tag", "Only jobs with this tag."),
        .text("unique_key", "Only jobs with this unique key."),
        .text("created_after", "Only jobs pushed at this time or later, in RFC 3339."),
        .text("created_before", "Only jobs pushed before this time, in RFC 3339."),
        .text("error", "Only jobs with an error of this fingerprint, as list_errors shows it."),
        .text("q", "Only jobs with this text in id, type, payload or error."),
    ]

    private static let writes =
        [
            verb("retry", "Run a failed or cancelled job again."),
            verb("cancel", "Cancel a job; a running one is asked to stop."),
            verb("pause", "Pause a job; a running one is asked to stop and keeps its progress."),
            verb("resume", "Resume a paused job at its place in line."),
            verb("run", "Run a scheduled or retrying job now."),
        ] + [
            MCPTool(
                name: "set_job_priority", title: "Set priority",
                help: "Change the priority of a job that has not finished; a larger number runs first.",
                arguments: [.job, .queue, .integer("priority", -1000...1000, "From -1000 to 1000.", isNeeded: true)],
                isWrite: true
            ) { values in
                let priority = values["priority"].flatMap { Int($0) } ?? 0
                return MCPRequest(
                    method: .PATCH, path: path(values), query: [("queue", values["queue"])],
                    body: .object(["priority": .integer(priority)]))
            },
            MCPTool(
                name: "pause_queue", title: "Pause queue", help: "Pause a queue: running jobs go on, no other starts.",
                arguments: [.queueName, .text("reason", "Why; shown to others.")], isWrite: true
            ) { values in
                MCPRequest(
                    method: .POST, path: "/api/v1/queues/\(escaped(values["queue"]))/pause",
                    body: values["reason"].map { .object(["reason": .string($0)]) })
            },
            MCPTool(
                name: "resume_queue", title: "Resume queue", help: "Resume a queue that has its own pause.",
                arguments: [.queueName], isWrite: true
            ) { MCPRequest(method: .POST, path: "/api/v1/queues/\(escaped($0["queue"]))/resume") },
        ]

    /// A verb on one job.
    private static func verb(_ verb: String, _ help: String) -> MCPTool {
        MCPTool(
            name: "\(verb)_job", title: "\(verb.prefix(1).uppercased())\(verb.dropFirst()) job", help: help,
            arguments: [.job, .queue], isWrite: true
        ) { MCPRequest(method: .POST, path: "\(path($0))/\(verb)", query: [("queue", $0["queue"])]) }
    }

    private static func path(_ values: [String: String]) -> String { "/api/v1/jobs/\(escaped(values["id"]))" }

    private static func escaped(_ text: String?) -> String { APIClient.escaped(text ?? "") }

    /// The size of a page: small unless asked, because an assistant reads all of it.
    private static func limit(_ values: [String: String]) -> (String, String?) { ("limit", values["limit"] ?? "20") }
}

extension MCPArgument {
    fileprivate static let job = MCPArgument(name: "id", kind: .text, help: "The job's id.", isNeeded: true)
    fileprivate static let queueName = MCPArgument(
        name: "queue", kind: .text, help: "The queue's name.", isNeeded: true)
    fileprivate static let queue = text("queue", "The job's queue; needed only when two queues know the id.")
    fileprivate static let limit = integer("limit", 1...200, "The most items to return; 20 if omitted.")
    fileprivate static let cursor = text("cursor", "The next_cursor of the previous page.")
    fileprivate static let state = choice(
        "state", JobState.allCases.map(\.rawValue), "Only jobs in this state; all states if omitted.")

    fileprivate static func text(_ name: String, _ help: String) -> MCPArgument {
        MCPArgument(name: name, kind: .text, help: help)
    }

    fileprivate static func choice(_ name: String, _ words: [String], _ help: String) -> MCPArgument {
        MCPArgument(name: name, kind: .choice(words), help: help)
    }

    fileprivate static func integer(
        _ name: String, _ range: ClosedRange<Int>, _ help: String, isNeeded: Bool = false
    ) -> MCPArgument {
        MCPArgument(name: name, kind: .integer(range), help: help, isNeeded: isNeeded)
    }
}
