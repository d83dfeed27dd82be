// The routes of workers over HTTP: claims and their ends.

import FoundationEssentials
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    /// Hands out jobs: 200 with the claims, 204 when none came in time.
    func claimJobs(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        let order = ClaimOrder(&fields, longestWait: settings.longestWait)
        try fields.done()
        for queue in order.queues { _ = try call.queue(queue.name) }
        let jobs = try await claims.claim(order, for: call.caller)
        guard !jobs.isEmpty else { return Reply([], type: "", status: .noContent) }
        return Reply(.object(["claims": .array(jobs.map(JSONOutput.claim))]))
    }

    /// Ends one claim as the last word of its path says.
    func settleClaim(_ call: Call, _ word: String) async throws -> Reply {
        let token = try call.claimToken()
        var fields = try call.optionalFields() ?? Fields(try JSONText(Array("{}".utf8)), call.shape())
        let end = ClaimEnd(word, &fields)
        try fields.done()
        guard let end else { throw HTTPProblem.invalid("", "is not valid") }
        _ = try call.queue(token.queue)
        switch await claims.settling.settle([(token, end)], caller: call.caller)[0] {
        case .done(let state, let runAt):
            return Reply(
                .object([
                    "id": .string(token.id.description), "queue": .string(token.queue.description),
                    "state": state.map { .string($0.rawValue) } ?? .null, "run_at": runAt.map(JSONOutput.time),
                ]))
        case .lost: throw HTTPProblem.leaseLost(token)
        case .gone: throw HTTPProblem.jobGone(token)
        case .failed(let error): throw error
        }
    }

    /// Keeps a checkpoint with the job; it renews the lease as a heartbeat does.
    func saveCheckpoint(_ call: Call) async throws -> Reply {
        let token = try call.claimToken()
        var fields = try call.fields()
        let value = fields.value("checkpoint")
        if value == nil { fields.refuse("checkpoint", "is required, and not null") }
        try fields.done()
        guard let checkpoint = value else { throw HTTPProblem.invalid("/checkpoint", "is required, and not null") }
        guard checkpoint.count <= Self.checkpointLimit else {
            throw HTTPProblem.tooLarge(
                "a checkpoint has at most \(Self.checkpointLimit) bytes", limit: Self.checkpointLimit)
        }
        let queue = try call.queue(token.queue)
        guard token.nonce.belongs(to: call.caller.name, in: token.queue) else { throw HTTPProblem.leaseLost(token) }
        let beat = Heartbeat(id: token.id, token: token.stored, checkpoint: checkpoint.bytes)
        let verdict = try await repeatedOnce { _ throws(QueueError) in
            try await queue.heartbeat(worker: "", [beat]).verdicts[0]
        }
        switch verdict {
        case .held: return Reply([], type: "", status: .noContent)
        case .fenced: throw HTTPProblem.leaseLost(token)
        case .gone: throw HTTPProblem.jobGone(token)
        }
    }

    /// The largest checkpoint in bytes.
    static let checkpointLimit = 64 << 10
}

extension Call {
    /// The description of the body.
    fileprivate func shape() -> ObjectShape { route.body.shape ?? .nothing }

    /// The token of the claim in the path.
    func claimToken() throws(HTTPProblem) -> ClaimToken {
        guard let token = parameters["token"].flatMap({ ClaimToken($0) }) else {
            throw .invalid("?token", "is not the token of a claim")
        }
        return token
    }
}

extension HTTPProblem {
    /// 409: the caller does not hold the job.
    static func leaseLost(_ token: ClaimToken) -> HTTPProblem {
        HTTPProblem(
            .leaseLost,
            "this claim of \(token.id) is not held: its lease ran out, or its end was recorded from another claim; drop the job"
        )
        .with("id", .string(token.id.description)).with("queue", .string(token.queue.description))
    }

    /// 404: the job is not stored any more.
    static func jobGone(_ token: ClaimToken) -> HTTPProblem {
        HTTPProblem(
            .jobGone,
            "\(token.id) is not stored: it has ended and is not kept, as after a call whose answer was lost, or it was deleted"
        )
        .with("id", .string(token.id.description)).with("queue", .string(token.queue.description))
    }
}
