// The environment's settings of a queue that is created anew: after a deletion, or by a process without them.

import MartletJobs
import MartletQueue
import TestSupport
import Testing

@Suite struct EnvironmentSettingsTests {
    private static let change = QueueSettingsChange(limit: 2, lease: .seconds(40))

    private static func push(to queue: Queue) async throws {
        _ = try await queue.enqueue(NewJob(type: "t", payload: [1]))
    }

    @Test func `a queue that a push creates anew has the environment's settings at once`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            harness.store.setEnvironment(Self.change, of: queue.name)
            try await Self.push(to: queue)
            #expect(try await queue.status()?.settings.limit == 2)
            _ = try await queue.drain()
            #expect(try await queue.delete(finished: true) == .deleted(finished: 1))
            try await Self.push(to: queue)
            let settings = try #require(try await queue.status()?.settings)
            #expect(settings.limit == 2 && settings.lease == .seconds(40))
            let claimed = try await harness.claim(5, from: queue)
            #expect(claimed.count == 1)
        }
    }

    @Test func `a queue created by another process without settings gets them, and a deleted one is not created again`()
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            try await Self.push(to: queue)
            harness.store.setEnvironment(Self.change, of: queue.name)
            #expect(try await queue.renewEnvironment())
            #expect(try await queue.status()?.settings.limit == 2)
            #expect(try await queue.renewEnvironment() == false, "only a new queue")
            try await queue.configure(QueueSettingsChange(limit: 5))
            #expect(try await queue.renewEnvironment() == false)
            #expect(try await queue.status()?.settings.limit == 5, "what was set at run time stays")
            let gone = harness.queue("gone")
            harness.store.setEnvironment(Self.change, of: gone.name)
            #expect(try await gone.renewEnvironment() == false)
            #expect(try await gone.status() == nil)
        }
    }
}
