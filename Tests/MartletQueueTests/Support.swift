// Short words that the tests of the queue share.

import Logging
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

/// Runs a test with a store of its own; the faults that the environment asks for hit every call.
func withStore(
    logger: Logger = noLogger, sourceLocation: SourceLocation = #_sourceLocation, _ body: StoreTest
) async throws {
    try await withFaultyStore(logger: logger, sourceLocation: sourceLocation, body)
}

func makeID(_ text: String) throws -> JobID { try #require(JobID(text)) }

func job(_ id: JobID = .generate(), priority: Int = 0, delay: Duration = .zero, maxRetries: Int = 3) -> NewJob {
    NewJob(id: id, type: "test", payload: Array("{}".utf8), priority: priority, delay: delay, maxRetries: maxRetries)
}

extension Queue {
    /// The state of a job; `nil` when it is not there.
    func state(_ id: JobID) async throws -> JobState? { try await job(id)?.state }

    func settle(_ job: ClaimedJob, _ outcome: Settlement.Outcome) async throws -> SettleVerdict {
        try await settle([Settlement(id: job.id, token: job.token, outcome: outcome)]).verdicts[0]
    }
}

extension ClaimedJob {
    var completion: Settlement { Settlement(id: id, token: token, outcome: .completed(output: nil)) }
}

extension QueueHarness {
    /// Pushes past every check of the client's; the script's verdict.
    func rawEnqueue(priority: String, delay: String) async throws -> RedisValue {
        let arguments = RedisArguments("each", "\(priority) \(delay) 0", "test", "raw", "{}")
        return try #require(try await queue().run(.enqueue, arguments).array?.last)
    }

    /// All that the store holds of a queue, to see that nothing changed.
    func snapshot(of job: JobID, queue name: String = "q") async throws -> [RedisValue] {
        var values = [try await command("HGETALL", key("job:\(job)", queue: name))]
        for index in JobIndex.allCases {
            values.append(try await command("ZSCORE", key(index.rawValue, queue: name), job.description))
        }
        return values
    }
}
