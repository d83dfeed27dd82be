// The descriptions of the routes of jobs in the API document.

import MartletJSON
import MartletQueue

extension RouteDescription {
    static var pushJob: RouteDescription {
        RouteDescription(
            "pushJob", .jobs, "Push a job",
            """
            The answer comes when the job is stored. To make a push repeatable, send an `id` or an `Idempotency-Key`: the \
            same request again finds the same job.
            """,
            answers: [
                .created(JobView.created, "The job was created.", headers: [.location]),
                .ok(JobView.existing, "The same request created it before; `deleted` where it is gone."),
            ],
            problems: [
                .idempotencyConflict, .idempotencyInProgress, .idempotencyKeyReused, .uniqueKeyTaken, .tooManyQueues,
            ],
            headers: [.idempotencyKey, .traceparent, .tracestate],
            examples: [
                RouteExample(
                    "minimal", "A job with a payload", body: #"{"type": "greet", "payload": {"who": "Ada"}}"#,
                    status: 201),
                RouteExample(
                    "complete", "A job with all that can be said of it",
                    body: """
                        {"type": "send-mail", "payload": {"to": "ada@example.com"}, "queue": "mail", "priority": 10, \
                        "delay_seconds": 30, "max_retries": 5, "backoff": {"base_seconds": 2, "factor": 3, \
                        "cap_seconds": 600, "jitter": 0.2}, "timeout_seconds": 60, "id": "order-4712", \
                        "unique_key": "mail-ada", "tags": ["order"], "metadata": {"shop": 7}, \
                        "limits": ["host:example.com"], "durability": "memory", \
                        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
                        """, status: 201),
            ])
    }

    static var pushJobs: RouteDescription {
        RouteDescription(
            "pushJobs", .jobs, "Push many jobs",
            """
            A JSON object with a list, which is atomic unless it says otherwise, or one job on each line, which are judged \
            one by one unless `atomic=true`. Atomic needs one queue for all jobs. Reading stops at the first job beyond \
            the limit with 413, and after 100 faulty ones with 422; nothing is pushed then.
            """,
            answers: [
                .created(.object(BatchReport.shape), "At least one job was created."),
                .ok(.object(BatchReport.shape), "No job was created; `results` says why."),
            ],
            problems: [
                .idempotencyConflict, .idempotencyInProgress, .idempotencyKeyReused, .uniqueKeyTaken, .tooManyQueues,
            ],
            headers: [.idempotencyKey, .traceparent, .tracestate],
            examples: [
                RouteExample(
                    "atomic", "All or none",
                    body:
                        #"{"jobs": [{"type": "greet", "payload": {"who": "Ada"}}, {"type": "greet", "priority": 5}]}"#,
                    status: 201),
                RouteExample(
                    "each", "Each by itself",
                    body: #"{"jobs": [{"type": "greet"}, {"type": "greet", "queue": "mail"}], "atomic": false}"#,
                    status: 201),
                RouteExample(
                    "lines", "One job on each line",
                    body:
                        "{\"type\": \"greet\", \"payload\": {\"who\": \"Ada\"}}\n{\"type\": \"greet\", \"queue\": \"mail\"}\n",
                    status: 201),
            ])
    }

    static var listJobs: RouteDescription {
        RouteDescription(
            "listJobs", .jobs, "List jobs",
            """
            Of one queue, or of all queues by name. In each: active ones, then in the order in which they will run, \
            delayed, paused, and finished ones newest first. A job must match all filters. With a filter besides `queue` \
            and `state` jobs are searched: a call looks at about \(ScanBudget.records) jobs, or for about 50 ms, and \
            `scanned` says how far it came. A page may then be short or empty and have a next one.
            """,
            answers: [.ok(.object(JobView.list), "A page.")], problems: [.pagesFull],
            examples: [
                RouteExample("all", "The first page of all queues"),
                RouteExample(
                    "failed", "Failed and cancelled jobs of one queue",
                    query: "queue=mail&state=failed,cancelled&limit=10"),
                RouteExample("payload", "Jobs with a value in their payload", query: "queue=mail&payload.to=ada"),
                RouteExample("text", "Jobs with a text, in all queues", query: "q=ada&type=send-mail"),
            ])
    }

    static var actOnJobs: RouteDescription {
        RouteDescription(
            "actOnJobs", .jobs, "Apply one verb to many jobs",
            """
            Each job is decided by itself; one that refuses stops no other. With `dry_run` nothing changes. With `filter` a \
            call changes up to \(FilterAction.most) jobs in the states in which the action is possible, and the same \
            request with `next_cursor` as `cursor` goes on; a client that stops asking stops the action. A call with \
            `expected_count` changes nothing where it finds that another number of jobs matches, and all calls together \
            change no more than that.
            """,
            answers: [
                .ok(
                    .anyOf([.object(ActionReport.shape), .object(FilterReport.shape)]),
                    "One entry for each id; numbers for a filter.")
            ],
            problems: [.countDiffers, .pagesFull],
            examples: [
                RouteExample(
                    "priority", "Set a priority", body: #"{"action": "priority", "priority": 7, "ids": ["order-4711"]}"#
                ),
                RouteExample(
                    "dry-run", "See what a cancellation would do",
                    body: #"{"action": "cancel", "ids": ["order-4711", "order-0"], "dry_run": true}"#),
                RouteExample(
                    "filter", "Pause all jobs with a value in their payload",
                    body: #"{"action": "pause", "filter": {"queue": "mail", "payload": {"to": "ada"}}}"#),
                RouteExample(
                    "expected", "Cancel all jobs of a type, if there is one",
                    body: #"{"action": "cancel", "filter": {"type": "send-mail"}, "expected_count": 1}"#),
            ])
    }

    static var getJob: RouteDescription {
        RouteDescription(
            "getJob", .jobs, "Get a job",
            """
            With `wait` the answer comes when the job has finished, or as it stands when the time is over. A token with \
            the role `produce` alone sees the jobs that it has pushed.
            """,
            answers: [.ok(.object(JobView.shape), "The job.", headers: [.eTag]), .notModified],
            problems: [.notFound, .ambiguous, .tooManyWaits, .waitsFull], headers: [.ifNoneMatch],
            examples: [
                RouteExample("job", "A job in any queue"),
                RouteExample("wait", "Wait for its end", query: "queue=mail&wait=0.1"),
            ])
    }

    static var cloneJob: RouteDescription {
        RouteDescription(
            "cloneJob", .jobs, "Clone a job",
            """
            Pushes a new job like this one, whatever its state: with its type, payload, queue, priority, retries, waits \
            between them, timeout, tags, limit keys and metadata, except for what the body changes. The clone has its own id, no \
            unique key, and waits for nothing, unless the body says so. It belongs to the trace of this request. It is made repeatable like every push.
            """,
            answers: [
                .created(JobView.created, "The clone was pushed.", headers: [.location]),
                .ok(JobView.existing, "The same request pushed it before; `deleted` where it is gone."),
            ],
            problems: [
                .notFound, .ambiguous, .idempotencyConflict, .idempotencyInProgress, .idempotencyKeyReused,
                .uniqueKeyTaken, .tooManyQueues,
            ],
            headers: [.idempotencyKey, .traceparent, .tracestate],
            examples: [
                RouteExample("same", "The same job again", status: 201),
                RouteExample(
                    "changed", "With another payload and a wait",
                    body: #"{"payload": {"to": "grace@example.com"}, "delay_seconds": 60}"#, status: 201),
            ])
    }

    static var patchJob: RouteDescription {
        RouteDescription(
            "changeJob", .jobs, "Change a job",
            """
            Changes the priority, the start or the retries of a job that has not finished; its start not while it is active. \
            The payload can be changed while the job does not run and has not completed. It takes the place of the old \
            one, which is then the first of `earlier_payloads`; progress and checkpoint of the old one are removed.
            """,
            answers: [.ok(JobView.changed, "The job after the change.")],
            problems: [.notFound, .ambiguous, .invalidState],
            examples: [
                RouteExample(
                    "change", "Another priority and more retries", body: #"{"priority": 50, "max_retries": 8}"#),
                RouteExample("payload", "Another payload", body: #"{"payload": {"to": "grace@example.com"}}"#),
                RouteExample("defaults", "Back to the defaults", body: #"{"priority": null, "max_retries": null}"#),
            ])
    }

    static var deleteJob: RouteDescription {
        RouteDescription(
            "deleteJob", .jobs, "Delete a job", "Forgets a job that has finished.",
            answers: [.ok(.object(JobView.deleted), "The job is gone.")],
            problems: [.notFound, .ambiguous, .invalidState],
            examples: [RouteExample("delete", "A finished job", query: "queue=mail")])
    }

    /// A verb for one job.
    static func jobVerb(_ verb: String, _ summary: String, _ details: String, stops: Bool = false) -> RouteDescription {
        let stopping = RouteAnswer.accepted(JobView.changed, "The job runs and was asked to stop.")
        let example = RouteExample(verb, "\(summary) in whichever queue it is")
        return RouteDescription(
            verb + "Job", .jobs, summary, details + " May be repeated.",
            answers: [.ok(JobView.changed, "The job after it.")] + (stops ? [stopping] : []),
            problems: [.notFound, .ambiguous, .invalidState] + (verb == "retry" ? [.uniqueKeyTaken] : []),
            examples: [example])
    }
}
