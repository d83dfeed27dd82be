// How many workers a queue can use.

import FoundationEssentials
import MartletJobs
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct ScalingTests {
    private func status(_ queued: Int, _ active: Int, limit: Int? = nil, paused: Bool = false) -> QueueStatus {
        QueueStatus(
            name: .default,
            counts: ["queued": "\(queued)", "active": "\(active)", "delayed": "500", "oldest_wait": "7000"],
            meta: ["limit": "\(limit ?? 0)", "paused": paused ? "1" : "0"])
    }

    private func scaling(
        _ status: QueueStatus, workers: (count: Int, slots: Int) = (0, 0), finished: Int = 0, each: Int? = nil,
        within seconds: Int = 60
    ) -> QueueScaling {
        QueueScaling(
            status, LiveWorkers(count: workers.count, slots: workers.slots),
            QueueSpeed(finished: finished, status.settings),
            ScalingAim(slotsPerWorker: each, clearWithin: .seconds(seconds)))
    }

    @Test func `an idle queue wants no workers, also where jobs wait for their time`() {
        let idle = scaling(status(0, 0), workers: (2, 16))
        #expect(idle == QueueScaling(workersWanted: 0, load: 0, oldestWait: .zero, timeToClear: .zero))
    }

    @Test func `until a job has finished each has a slot, with or without workers`() {
        #expect(scaling(status(10, 0)).workersWanted == 10)
        #expect(scaling(status(10, 0), each: 4).workersWanted == 3)
        #expect(scaling(status(10, 0), each: 4).load == 2.5)
        #expect(scaling(status(10, 0)).timeToClear == nil)
        let some = scaling(status(10, 6), workers: (3, 24))
        #expect(some.workersWanted == 2 && abs(some.load - 16.0 / 24) < 1e-9)
    }

    @Test func `the speed of the last minute says how many slots clear the backlog in time`() {
        // 8 jobs run, 800 a second finish: a job takes 10 ms, so that 10 000 need 100 slot seconds.
        let fast = scaling(status(10_000, 8), workers: (1, 8), finished: 48_000)
        #expect(fast.workersWanted == 2 && fast.timeToClear == .seconds(12.5))
        #expect(scaling(status(10_000, 8), workers: (1, 8), finished: 48_000, within: 1).workersWanted == 14)
        // A job takes 80 s: nothing less than a slot for each clears 10 of them in a minute.
        #expect(scaling(status(10, 8), workers: (1, 8), finished: 6).workersWanted == 3)
        let short = scaling(status(3, 0), workers: (1, 8), finished: 600)
        #expect(short.workersWanted == 1, "short jobs run between looks")
    }

    @Test func `what waits behind a pause or a limit wants no workers`() {
        let paused = scaling(status(100, 3, paused: true), workers: (1, 4), finished: 60)
        #expect(paused.workersWanted == 1 && paused.timeToClear == nil && paused.oldestWait == .seconds(7))
        #expect(scaling(status(100, 0, paused: true)).workersWanted == 0)
        #expect(scaling(status(100, 2, limit: 6), each: 2).workersWanted == 3)
        #expect(scaling(status(100, 9, limit: 6), each: 3).workersWanted == 3, "the limit was lowered")
    }

    @Test func `extreme numbers of stored state end no process`() {
        let most = Int(Int32.max)
        for (finished, seconds) in [(0, 1), (most, 86_400), (1, 1)] {
            let found = scaling(status(1 << 53, most), workers: (1000, most), finished: finished, within: seconds)
            #expect(found.workersWanted > 0 && found.load.isFinite)
        }
    }

    @Test func `a queue that keeps no finished jobs has no speed`() {
        var settings = status(0, 0).settings
        #expect(QueueSpeed(finished: 60, settings).perSecond == 1)
        settings.completed.age = .seconds(5)
        #expect(QueueSpeed(finished: 60, settings).perSecond == nil)
        settings = status(0, 0).settings
        settings.failed.count = 0
        #expect(QueueSpeed(finished: 60, settings).perSecond == nil)
    }

    @Test func `a queue tells what its jobs and its live workers come to`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            #expect(try await queue.scaling() == nil)
            _ = try await queue.enqueue((0..<20).map { _ in job(maxRetries: 0) } + [job(delay: .seconds(60))])
            _ = try await queue.heartbeat(worker: "w", info: #"{"slots":4,"busy":2,"state":"running"}"#, [])
            _ = try await queue.heartbeat(worker: "gone", info: #"{"slots":90,"state":"stopped"}"#, [])
            let claimed = try await harness.claim(4, from: queue)
            var found = try #require(try await queue.scaling())
            #expect(found.workersWanted == 5 && found.load == 5 && found.timeToClear == nil)
            _ = try await queue.settle(claimed[0], .failedForGood(error: "x"))
            _ = try await queue.settle([claimed[1].completion, claimed[2].completion])
            // So that the others have waited for a time that is not rounded to nothing.
            try await harness.setClock(.seconds(1))
            found = try #require(try await queue.scaling())
            // One runs, three have finished within the minute: a job takes 20 s.
            #expect(found.workersWanted == 2 && found.timeToClear == .seconds(320))
            #expect(found.oldestWait > .zero)
            try await harness.setClock(.seconds(61))
            #expect(try await queue.scaling()?.timeToClear == nil, "nothing has finished lately")
        }
    }
}
