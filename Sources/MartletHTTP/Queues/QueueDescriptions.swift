// The descriptions of the routes of queues in the API document.

import MartletJSON

extension RouteDescription {
    static var listQueues: RouteDescription {
        RouteDescription(
            "listQueues", .queues, "List all queues", "Those that the token may see, with counts, pauses and settings.",
            answers: [.ok(.object(QueueView.list), "The queues.")], examples: [RouteExample("queues", "All queues")])
    }

    static var getQueue: RouteDescription {
        RouteDescription(
            "getQueue", .queues, "Get a queue", answers: [.ok(.object(QueueView.shape), "The queue.")],
            problems: [.notFound], examples: [RouteExample("queue", "A queue")])
    }

    static var configureQueue: RouteDescription {
        RouteDescription(
            "configureQueue", .queues, "Set a queue",
            "Sets what the body names and creates the queue. `null` takes a setting back to its default.",
            answers: [.ok(.object(QueueView.shape), "The queue after it.")],
            problems: [.notFound, .stepInUse, .tooManyQueues],
            examples: [
                RouteExample(
                    "settings", "A limit and a retention",
                    body:
                        #"{"concurrency": 20, "lease_seconds": 60, "retention": {"completed": {"age_seconds": 604800}}}"#
                ),
                RouteExample("defaults", "Back to the defaults", body: #"{"concurrency": null, "retention": null}"#),
            ])
    }

    static var deleteQueue: RouteDescription {
        RouteDescription(
            "deleteQueue", .queues, "Delete a queue",
            "Deletes a queue that has no jobs; with `finished=true` those that have finished go with it.",
            answers: [.ok(.object(QueueView.deleted), "The queue is gone.")], problems: [.notFound, .queueNotEmpty],
            examples: [RouteExample("delete", "A queue with its finished jobs", query: "confirm=mail&finished=true")])
    }

    static var pauseQueue: RouteDescription {
        RouteDescription(
            "pauseQueue", .queues, "Pause a queue", "No job is claimed once this is answered; running ones finish.",
            answers: [.ok(.object(QueueView.shape), "The queue after it.")], problems: [.notFound],
            examples: [RouteExample("pause", "With a reason", body: #"{"reason": "database upgrade"}"#)])
    }

    static var resumeQueue: RouteDescription {
        RouteDescription(
            "resumeQueue", .queues, "Resume a queue", "It stays paused while all queues are paused together.",
            answers: [.ok(.object(QueueView.shape), "The queue after it.")], problems: [.notFound],
            examples: [RouteExample("resume", "A queue")])
    }

    static var drainQueue: RouteDescription {
        RouteDescription(
            "drainQueue", .queues, "Drain a queue", "Cancels all jobs that wait.",
            answers: [.ok(.object(QueueView.drained), "What was cancelled and what is left.")], problems: [.notFound],
            examples: [RouteExample("drain", "A queue")])
    }

    static var pauseAll: RouteDescription {
        RouteDescription(
            "pauseAll", .queues, "Pause all queues", "Those too that are created later.",
            answers: [.ok(.object(SummaryView.pause), "All queues are paused.")],
            examples: [RouteExample("pause", "With a reason", body: #"{"reason": "maintenance"}"#)])
    }

    static var resumeAll: RouteDescription {
        RouteDescription(
            "resumeAll", .queues, "Resume all queues", "A queue that was paused by itself stays paused.",
            answers: [.ok(.object(SummaryView.pause), "Queues are no longer paused together.")],
            examples: [RouteExample("resume", "All queues")])
    }

    static var stats: RouteDescription {
        RouteDescription(
            "getStats", .queues, "Get numbers over all queues",
            answers: [.ok(.object(SummaryView.stats), "The numbers.")],
            examples: [RouteExample("stats", "All queues")])
    }

    static var listWorkers: RouteDescription {
        RouteDescription(
            "listWorkers", .workers, "List worker processes",
            "Those of the last hour, at most 1 000 of each queue, with what they reported.",
            answers: [.ok(.object(SummaryView.workers), "The workers.")],
            examples: [RouteExample("workers", "All of them")])
    }
}
