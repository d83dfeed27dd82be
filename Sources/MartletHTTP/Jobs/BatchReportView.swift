// The description of the results of a bulk push.

import MartletQueue

extension BatchReport {
    /// The numbers and rows of a bulk push.
    static let properties: [Property] =
        [
            .always("created", .count, "Jobs that were created."),
            .always("existing", .count, "Jobs that were pushed before by the same request."),
            .always("failed", .count, "Jobs that were not pushed."),
        ] + Confirmation.properties + [
            .always("results", .list(row), "One row for each job, in the order of the request.")
        ]
    static let shape = ObjectShape("BatchReport", "The results of a bulk push.", properties)

    static let row = ObjectShape(
        "BatchRow", "The result of one job.",
        [
            .always("index", .count, "The place of the job in the request, from 0."),
            .maybe("line", .count, "The line of a refused job, from 1, in a body of lines."),
            .maybe("id", .text, "The id of the job."),
            .always(
                "status", .text,
                "`created`, `existing`, `deleted`, `conflict`, `unique-key-taken`, `invalid`, `not-executed`, `unknown`, or "
                    + "the code of the queue's problem."),
            .maybe("state", .words(JobState.self), "The state of the job."),
            .maybe("detail", .text, "Why it was not pushed."),
            .maybe("errors", .list(FieldError.shape), "The faults of its fields."),
        ])
}
