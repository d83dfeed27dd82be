// What a job says beyond its type and payload is sent, whatever it is, and what says nothing is not.

import FoundationEssentials
import MartletJobs
import MartletRedis
import Testing

@testable import MartletQueue

@Suite struct JobExtrasTests {
    private static let plain = NewJob(type: "t", payload: [1])

    /// A change of each property that may be left unsaid.
    private static let changes: [String: @Sendable (inout NewJob) -> Void] = [
        "digest": { $0.digest = "d" }, "priority": { $0.priority = -1 }, "delay": { $0.delay = .milliseconds(1) },
        "maxRetries": { $0.maxRetries = 0 }, "retryPolicy": { $0.retryPolicy = .exponential(base: .seconds(7)) },
        "timeout": { $0.timeout = .milliseconds(1) }, "uniqueKey": { $0.uniqueKey = "u" }, "tags": { $0.tags = ["t"] },
        "metadata": { $0.metadata = [:] }, "owner": { $0.owner = "ada" },
        "limits": { $0.limits = ["host:a"] },
        "runAt": { $0.runAt = .distantFuture },
        "trace": { $0.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01") },
    ]

    private func sent(_ job: NewJob) -> RedisArguments { PushCall([job]).arguments }

    @Test func `a job with further fields is no plain job, and the fields are sent`() throws {
        let plain = Self.plain
        #expect(plain.isPlain)
        for (name, change) in Self.changes {
            var job = plain
            change(&job)
            #expect(!job.isPlain, "\(name)")
            var alone = RedisArguments("each")
            job.appendAlone(to: &alone)
            #expect(sent(job) == alone, "\(name)")
            #expect(sent(job).byteCount > sent(plain).byteCount, "\(name)")
        }
    }

    @Test func `no property of a job is left out here`() {
        let always = ["id", "type", "payload"]
        let all = Mirror(reflecting: Self.plain).children.compactMap(\.label)
        #expect(all.sorted() == (always + Self.changes.keys).sorted())
    }

    @Test func `values equal to the defaults are not sent`() {
        var job = Self.plain
        job.retryPolicy = .standard
        job.maxRetries = JobRecord.defaultMaxRetries
        #expect(job.isPlain)
        #expect(sent(job) == sent(Self.plain))
    }
}
