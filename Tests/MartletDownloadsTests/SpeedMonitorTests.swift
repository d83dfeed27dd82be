// How slow a server may be: the rule as a value, and against servers that send a byte now and then.

import MartletJobs
import Testing

@testable import MartletDownloads

@Suite struct SpeedMonitorTests {
    private let rules = SpeedRules(silence: .seconds(30), slowest: 1000, window: .seconds(10), deadlineSpeed: 0)

    private func pace(_ rules: SpeedRules) -> SpeedMonitor {
        var pace = SpeedMonitor(rules, allowance: .seconds(10), at: .zero)
        pace.endWaiting(bytes: 0, at: .zero)
        pace.beginBody()
        return pace
    }

    @Test func `a silent server ends a transfer, and the head has a longer allowance`() {
        var pace = SpeedMonitor(rules, allowance: .seconds(10), at: .zero)
        #expect(pace.fault(at: .seconds(39)) == nil)
        #expect(pace.fault(at: .seconds(40))?.code == .stalled)
        pace.endWaiting(bytes: 0, at: .seconds(41))
        #expect(pace.fault(at: .seconds(100)) == nil, "nobody waits")
        var slow = rules
        slow.slowest = 0
        var body = self.pace(slow)
        body.beginWaiting(at: .seconds(100))
        #expect(body.fault(at: .seconds(129)) == nil)
        #expect(body.fault(at: .seconds(130))?.code == .stalled)
    }

    @Test func `an occasional byte does not keep a transfer alive`() {
        var pace = pace(rules)
        var now = Duration.zero
        var fault: DownloadError?
        while fault == nil, now < .seconds(60) {
            pace.beginWaiting(at: now)
            now += .seconds(2)
            fault = pace.fault(at: now)
            pace.endWaiting(bytes: 1, at: now)
            fault = fault ?? pace.fault(at: now)
        }
        #expect(fault?.code == .tooSlow)
        #expect(now == .seconds(10))
        #expect(fault?.retryAdvice == .byPolicy)
    }

    @Test func `a server at the lowest allowed speed is never cut off, also in bursts`() {
        var pace = pace(rules)
        for second in 0..<1000 {
            pace.beginWaiting(at: .seconds(second))
            pace.endWaiting(bytes: second % 5 == 4 ? 5000 : 0, at: .seconds(second + 1))
            #expect(pace.fault(at: .seconds(second + 1)) == nil, "after \(second + 1) s")
        }
    }

    @Test func `time spent on this side does not count against the server`() {
        var pace = pace(rules)
        for step in 0..<100 {
            let now = Duration.seconds(60 * step)
            pace.beginWaiting(at: now)
            pace.endWaiting(bytes: 100, at: now + .milliseconds(10))
            #expect(pace.fault(at: now + .seconds(59)) == nil)
        }
    }

    @Test func `a body has a deadline by the bytes that have arrived, whatever size was announced`() {
        var rules = rules
        rules.slowest = 0
        rules.silence = .seconds(10_000)
        rules.deadlineSpeed = 100
        var pace = pace(rules)
        pace.beginWaiting(at: .zero)
        pace.endWaiting(bytes: 9_999, at: .seconds(600))
        pace.beginWaiting(at: .seconds(5000))
        #expect(pace.fault(at: .seconds(5099)) == nil)
        #expect(pace.fault(at: .seconds(5100))?.code == .tooSlow)
    }

    @Test(.timeLimit(.minutes(3))) func `a transfer with an occasional byte ends, and its bytes are kept`()
        async throws
    {
        let harness = try DownloadHarness()
        let body = content(50_000)
        let origin = try await Origin.start { asked, number in
            var reply = Origin.honest(asked, body, [("ETag", "\"v1\"")])
            guard number == 0 else { return reply }
            reply.body = Array(body.prefix(20_000))
            reply.end = .trickle(every: .milliseconds(50))
            return reply
        }
        let settings = harness.settings { settings in
            settings.minSpeedWindow = .seconds(1)
            settings.minBytesPerSecond = 30_000
        }
        let job = DownloadJob(url: origin.url(), filename: "a")
        let runtime = TestRuntime()
        let error = await harness.failure(job, runtime: runtime, settings: settings)
        #expect(error?.code == .tooSlow)
        #expect(error?.message.contains("30000 bytes a second over 1 s") == true, "\(error?.message ?? "")")
        #expect(try #require(runtime.checkpoint).offset >= 20_000)
        await origin.stop()
    }
}
