// GET /api/v1/jobs/{id}/explain and /api/v1/queues/{queue}/explain: why jobs wait.

import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    func explainJob(_ call: Call) async throws -> Reply {
        let (queue, job) = try await call.job()
        guard let explanation = try await queue.explain(job.id) else {
            throw HTTPProblem.notFound("there is no job \(job.id)")
        }
        return Reply(.explanation(explanation))
    }

    func explainQueue(_ call: Call) async throws -> Reply {
        let queue = try call.queueInPath()
        guard let explanation = try await queue.explain() else {
            throw HTTPProblem.notFound("there is no queue \(queue.name)")
        }
        return Reply(.explanation(explanation))
    }
}

extension RouteDescription {
    static var explainJob: RouteDescription {
        RouteDescription(
            "explainJob", .jobs, "Explain why a job waits",
            """
            By the rules with which claims decide: what holds it back, each key that has no capacity with the jobs that hold it \
            and who waits ahead, and when it opens. Of a job that runs or has finished it says that. It shows no payload.
            """,
            answers: [.ok(.object(ExplanationView.job), "The explanation.")], problems: [.notFound, .ambiguous],
            examples: [RouteExample("explain", "A job in any queue")])
    }

    static var explainQueue: RouteDescription {
        RouteDescription(
            "explainQueue", .queues, "Count the waiting jobs of a queue by reason",
            "Each waiting job counts once. Of blocked jobs the 500 keys that open soonest are looked at.",
            answers: [.ok(.object(ExplanationView.queue), "The counts.")], problems: [.notFound],
            examples: [RouteExample("explain", "A queue")])
    }
}
