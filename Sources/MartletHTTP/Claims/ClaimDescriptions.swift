// The descriptions of the routes of workers in the API document.

import MartletJSON

extension RouteDescription {
    private static let nothing = RouteAnswer(status: 204, about: "No job came in time.", content: .nothing)
    private static let claimProblems: [ProblemCode] = [.tooManyWaits, .waitsFull, .tooManyQueues]

    static var claimJobs: RouteDescription {
        RouteDescription(
            "claimJobs", .workers, "Claim jobs",
            """
            Hands out jobs, and waits for the first of them for up to 30 s. A caller that hangs up takes nothing. Each job is \
            held for its lease, which heartbeats renew.
            """,
            answers: [.ok(.object(ClaimView.list), "The claims."), nothing], problems: claimProblems,
            examples: [
                RouteExample("one", "One job of a queue", body: #"{"queues": ["mail"]}"#),
                RouteExample(
                    "many", "Jobs of two queues, with slots for each",
                    body: """
                        {"worker_id": "mailer-7", "queues": {"mail": 8, "default": 2}, "types": ["send-mail"], "max": 10, \
                        "wait_seconds": 20, "lease_seconds": 60, "worker": {"language": "python", "version": "3.11", \
                        "host": "app-1", "pid": 4711}}
                        """),
            ])
    }

    static var settleClaims: RouteDescription {
        RouteDescription(
            "settleClaims", .workers, "End many claims, and claim the next jobs",
            "Each end is judged by itself. The jobs of `claim` are claimed after them.",
            answers: [.ok(.object(ClaimView.report), "One entry for each end.")], problems: claimProblems,
            examples: [
                RouteExample(
                    "settle", "Two ends and a claim",
                    body: """
                        {"settlements": [{"token": "\(ClaimToken.example)", "outcome": "complete", "result": {"message": 42}}, \
                        {"token": "\(ClaimToken.example)", "outcome": "fail", "error": {"message": "no route"}}], \
                        "claim": {"queues": ["mail"], "max": 100}}
                        """)
            ])
    }

    /// The end of one claim.
    static func claimEnd(_ word: String, _ summary: String, _ details: String, example: String) -> RouteDescription {
        RouteDescription(
            word + "Claim", .workers, summary, details + " The same end again gets the same answer.",
            answers: [.ok(.object(ClaimView.settled), "The end was accepted.")], problems: [.leaseLost, .jobGone],
            examples: [RouteExample("lost", "Of a claim that is not held", body: example, status: 409)])
    }

    static var saveCheckpoint: RouteDescription {
        RouteDescription(
            "saveCheckpoint", .workers, "Save a checkpoint",
            "Keeps a value with the job for its next attempt, and renews the lease as a heartbeat does.",
            answers: [RouteAnswer(status: 204, about: "It is kept.", content: .nothing)],
            problems: [.leaseLost, .jobGone],
            examples: [
                RouteExample("lost", "Of a claim that is not held", body: #"{"checkpoint": {"page": 7}}"#, status: 409)
            ])
    }

    static var workerHeartbeat: RouteDescription {
        RouteDescription(
            "heartbeat", .workers, "Renew leases",
            "Renews all leases of a worker in one call, and answers what is wanted of each job.",
            answers: [.ok(.object(ClaimView.leases), "One entry for each lease.")],
            examples: [
                RouteExample(
                    "lease", "A job that runs",
                    body: """
                        {"leases": [{"token": "\(ClaimToken.example)", "progress": {"completed": 3, "total": 4}, "extend_seconds": 60}]}
                        """)
            ])
    }

    static var endWorker: RouteDescription {
        RouteDescription(
            "endWorker", .workers, "End a worker", "Releases all jobs that it holds, without charging an attempt.",
            answers: [.ok(.object(ClaimView.released), "They are released.")],
            examples: [RouteExample("end", "A worker")])
    }
}
