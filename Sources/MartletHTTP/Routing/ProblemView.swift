// The description of problems, with the members that some of them have.

import MartletJSON
import MartletQueue

extension HTTPProblem {
    /// The description of ``body(instance:requestID:)``.
    static let shape = ObjectShape(
        "Problem", "A problem as in RFC 9457. `code` is stable; match on it.",
        [
            .always("type", .uri, "The page that explains the code."),
            .always("title", .text, "The status in words."), .always("status", .integer(400...599), "The HTTP status."),
            .always("detail", .text, "What happened, for people."), .always("code", .text, "The code, for programs."),
            .maybe("instance", .text, "The path of the request."),
            .maybe(
                "errors", .list(.anyOf([.object(FieldError.shape), .object(ActionReport.fault)])),
                "The faults of single fields; of an action that Redis cut short, those of single jobs."),
            .maybe("request_id", .text, "The id of the request in the server's log."),
        ] + members)

    /// The members of single codes.
    private static let members: [Property] =
        [
            .maybe("outcome", .words(["not-executed", "unknown"]), "Whether a write may have happened."),
            .maybe("ids", .list(.text), "The jobs to ask for, where the outcome is unknown."),
            .maybe("cause", .text, "What Redis or the network answered; for callers with the role `operate`."),
            .maybe("id", .text, "The job."), .maybe("state", .text, "The state of the job."),
            .maybe("allowed", .list(.text), "The verbs that the state allows."),
            .maybe("limit", .integer, "The limit that was exceeded."),
            .maybe("holder", .text, "The job that holds the unique key."),
            .maybe("index", .count, "The place in the request of the job that was refused."),
            .maybe("holder_index", .count, "The place in the request of the job with the same unique key."),
            .maybe("queue", .text, "The queue of a write whose outcome is unknown."),
            .maybe(
                "queues", .anyOf([.list(.text), .words(["all"])]),
                "The queues that have the job, or `all` of a write to all of them."),
            .maybe("expected_count", .count, "How many jobs were expected to match."),
            .maybe("waiting", .count, "Jobs of the queue that wait."),
            .maybe("running", .count, "Jobs of the queue that run."),
            .maybe("finished", .count, "Jobs of the queue that have finished."),
            .maybe("track_id", .text, "The track id that is no UUID."), .maybe("check", .text, "The check that fails."),
            .maybe("findings", .list(ReadinessFinding.shape), "What the server found out about Redis."),
            DamagedQueues.property,
        ]
        + (BatchReport.properties + ActionReport.properties + FilterReport.ownProperties)
        .filter { property in
            !["errors", "results", "failed", "jobs", "damaged", "scanned"].contains(property.name)
        }
        .map { .maybe($0.name, $0.schema, $0.about) }
        + [
            .maybe("failed", .count, "How many jobs of the batch were refused."),
            .maybe(
                "results",
                .list(.anyOf([.object(BatchReport.row), .object(ActionReport.result), .object(ClaimView.row)])),
                "The results so far of a batch that Redis cut short."),
        ]
}
