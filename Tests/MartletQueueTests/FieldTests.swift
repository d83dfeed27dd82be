// Every field of a job's hash: written by a push, a claim, a heartbeat, an end or an operator, and read again.

import FoundationEssentials
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct FieldTests {
    /// A job that says all that a producer can say.
    private static func full(_ id: JobID) -> NewJob {
        var job = NewJob(
            id: id, type: "full", payload: Array("{}".utf8), priority: 7, maxRetries: 9,
            retryPolicy: .fixed(.seconds(5)), timeout: .seconds(60), uniqueKey: "only", tags: ["a", "b"],
            limits: ["host:a", LimitKey("tenant:7", weight: 2)], metadata: ["who": "me"], owner: "ada",
            trace: TraceContext(
                traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1 , b=2"))
        job.digest = job.requestDigest()
        return job
    }

    /// The fields that a job's hash has in Redis.
    private static func stored(_ id: JobID, _ harness: QueueHarness) async throws -> Set<JobField> {
        let names = try await harness.command("HKEYS", harness.key("job:\(id)")).array ?? []
        return Set(
            try names.map { name in
                try #require(name.string.flatMap(JobField.init(rawValue:)), "no field of ours: \(name)")
            })
    }

    @Test func `every field of a push is stored, claimed and read again`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let id = try JobID(validating: "order-1")
            let job = Self.full(id)
            _ = try await queue.enqueue(job)
            let said = Set(JobField.allCases.filter { $0.writer == .producer })
            #expect(try await Self.stored(id, harness) == said, "what is not stored is forgotten")
            let record = try #require(try await queue.job(id))
            #expect(record.type == job.type && record.payload == job.payload && record.priority == job.priority)
            #expect(record.maxRetries == job.maxRetries && record.retryPolicy == job.retryPolicy)
            #expect(record.timeout == job.timeout && record.uniqueKey == job.uniqueKey && record.tags == job.tags)
            #expect(record.metadata == job.metadata?.json && record.owner == job.owner)
            #expect(record.limits == job.limits)
            #expect(record.trace == job.trace && record.trace?.tracestate == "a=1 , b=2")
            let claimed = try #require(try await harness.claim(from: queue).first)
            #expect(claimed.type == job.type && claimed.payload == job.payload && claimed.priority == job.priority)
            #expect(claimed.retryPolicy == job.retryPolicy && claimed.timeout == job.timeout)
            #expect(claimed.limits == job.limits)
            #expect(claimed.tags == job.tags && claimed.metadata == job.metadata && claimed.trace == job.trace)
            #expect(try await queue.enqueue(job) == .existing(.active), "a repeat is the same job")
        }
    }

    @Test func `every field is written by one of the operations`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let id = try JobID(validating: "order-1")
            _ = try await queue.enqueue(Self.full(id))
            var seen = try await Self.stored(id, harness)
            func look() async throws { seen.formUnion(try await Self.stored(id, harness)) }
            try await harness.setLimit("host:a", "c=0", of: queue)
            #expect(try await harness.claim(from: queue).isEmpty)
            try await look()
            try await harness.setLimit("host:a", "c=1", of: queue)
            try await harness.setLimit("type:full", "c=1", of: queue)
            let first = try #require(try await harness.claim(from: queue).first)
            let progress = JobProgress(completed: 1, total: 2)
            _ = try await queue.heartbeat(
                worker: "w", [Heartbeat(id: id, token: first.token, progress: progress, checkpoint: [1])])
            try await look()
            _ = try await queue.control(.pause, [id])
            try await look()
            _ = try await queue.control(.resume, [id])
            _ = try await queue.settle(first, .failed(retryAfter: .zero, error: "no"))
            try await look()
            let second = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(second, .crashed(retryAfter: .zero, error: "died"))
            try await look()
            let third = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(third, .unknownType(retryAfter: .zero, error: "no handler"))
            _ = try await queue.edit(id, payload: [1])
            try await look()
            let last = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(last, .completed(output: [2]))
            try await look()
            #expect(seen == Set(JobField.allCases), "never written: \(Set(JobField.allCases).subtracting(seen))")
        }
    }

    @Test func `the article describes every field`() throws {
        let article = try Guides.text(of: "Sources/Martlet/Martlet.docc/Architecture.md")
        let table = try #require(article.split(separator: "### The fields of a job").dropFirst().first)
            .prefix(upTo: try #require(article.firstRange(of: "\nThe table is the enum `JobField`")).lowerBound)
        let names = table.matches(of: /(?m)^\| `([a-z]+)` \|/).map { String($0.output.1) }
        #expect(Set(names) == Set(JobField.allCases.map(\.rawValue)))
        #expect(names.count == JobField.allCases.count)
    }

    @Test func `every setting is applied, read and reset`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            let kept = Retention(age: .seconds(5), count: 6)
            try await queue.configure(
                QueueSettingsChange(
                    limit: 2, lease: .seconds(3), step: .seconds(4), completed: kept, failed: kept, cancelled: kept,
                    durability: .fsync))
            let names = Set((try await harness.command("HKEYS", harness.key("meta")).array ?? []).compactMap(\.string))
            for setting in StoredSetting.allCases { #expect(names.contains(setting.rawValue), "\(setting)") }
            let settings = try #require(try await queue.status()?.settings)
            #expect(settings.limit == 2 && settings.lease == .seconds(3) && settings.step == .seconds(4))
            #expect(settings.completed == kept && settings.failed == kept && settings.cancelled == kept)
            #expect(settings.durability == .fsync)
            try await queue.configure(QueueSettingsChange(defaults: Set(QueueSetting.allCases)))
            let standard = try #require(try await queue.status()?.settings)
            #expect(
                standard.limit == nil && standard.lease == .seconds(30) && standard.step == QueueSettings.strictStep)
            #expect(standard.completed == .standard && standard.durability == .memory)
        }
    }

    @Test func `a job's digest covers all that is sent but its trace, and no defaults`() throws {
        let id = try JobID(validating: "order-1")
        let plain = NewJob(id: id, type: "t", payload: [1])
        var others = [plain]
        func add(_ change: (inout NewJob) -> Void) {
            var job = plain
            change(&job)
            others.append(job)
        }
        add { $0.type = "u" }
        add { $0.payload = [2] }
        add { $0.priority = 1 }
        add { $0.delay = .seconds(1) }
        add { $0.runAt = Date(timeIntervalSince1970: 1) }
        add { $0.maxRetries = 4 }
        add { $0.retryPolicy = .fixed(.seconds(1)) }
        add { $0.timeout = .seconds(1) }
        add { $0.uniqueKey = "k" }
        add { $0.tags = ["a"] }
        add { $0.limits = ["host:a"] }
        add { $0.limits = [LimitKey("host:a", weight: 2)] }
        add { $0.metadata = ["a": "b"] }
        add { $0.owner = "o" }
        // One for each property but the id, the digest and the trace, and a second one for the weight of a limit key.
        #expect(others.count == Mirror(reflecting: plain).children.count - 1)
        #expect(Set(others.map { $0.requestDigest() }).count == others.count)
        var same = plain
        same.id = .generate()
        same.digest = "x"
        same.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        same.retryPolicy = .standard
        #expect(same.requestDigest() == plain.requestDigest())
    }
}
