// What keeps pages current: one stream of events for all windows of a browser, asking again where there is none, and the
// screen that shows the events themselves.

import MartletJSON
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

extension Dashboard {
    @Suite(.serialized) struct LiveTests {
        private static let waiting = "document.querySelector('.strip a:nth-child(2) .value')?.innerText"

        private static let isAsking = "document.querySelector('.liveness')?.innerText === 'Every 2 s'"

        /// Pushes jobs one after the other, each when the page shows the one before; answers how many there are then.
        ///
        /// A page that only asks again every five seconds needs longer, because each push follows its last answer. A
        /// machine that stands still meanwhile spoils one round of pushes, and such a page all.
        private static func pushSeen(
            after count: Int, _ stack: DashboardStack, _ browser: Browser
        ) async throws -> Int {
            var (number, fastest) = (count, Duration.seconds(3600))
            for _ in 0..<5 where fastest >= .seconds(16) {
                let start = ContinuousClock.now
                for _ in 0..<4 {
                    number += 1
                    try await stack.push(to: "mail")
                    try await browser.wait("job \(number) is counted", "\(waiting) === '\(number)'")
                }
                fastest = min(fastest, ContinuousClock.now - start)
            }
            #expect(fastest < .seconds(16), "events tell of changes")
            return number
        }

        @Test func `one window hears for all, and another takes over when it closes`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    try await browser.open(stack.page("overview"))
                    try await browser.wait("the page is live", Browser.isLive)
                    let first = try await browser.window
                    try await browser.openWindow()
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.wait("the second page is live", Browser.isLive)
                    #expect(try await stack.listeners() == 1)
                    let count = try await Self.pushSeen(after: 1, stack, browser)
                    let second = try await browser.window
                    try await browser.show(first)
                    try await browser.wait(
                        "the first one counts them too", "document.body.innerText.includes('\(count)')")
                    try await browser.closeWindow()
                    try await browser.show(second)
                    try await eventually("the second window hears") { try await stack.listeners() == 1 }
                    try await browser.wait("the second page is live", Browser.isLive)
                    _ = try await Self.pushSeen(after: count, stack, browser)
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a page that cannot be seen hears nothing, and is current when it is seen again`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.wait("the page is live", Browser.isLive)
                    try await browser.hide(true)
                    try await eventually("nobody listens") { try await stack.listeners() == 0 }
                    try await stack.push(to: "mail")
                    try await browser.hide(false)
                    try await browser.wait("the job is counted", "\(Self.waiting) === '2'")
                    try await browser.wait("the page is live", Browser.isLive)
                }
            }
        }

        @Test func `a queue shows its last minutes as the server keeps them`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail", payloads: ["1", "2", "3"])
                let queue = stack.queue("mail")
                let times = TypeTimes()
                times.ran(.milliseconds(40))
                times.waited(.seconds(3))
                try await queue.report(TimeReport(["t": times]))
                // Two minutes in the queue's own time, sampled every few seconds of it.
                for moment in 1...30 {
                    let offset = RedisRequest.command("HSET", queue.keys.meta, "offset", "\(4000 * moment)")
                    _ = try await stack.store.redis.send(offset)
                    _ = try await queue.sweep()
                }
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.wait(
                        "the line has steps",
                        "document.querySelector('.chart path.completed').getAttribute('d').includes('L')")
                    try await browser.see("half up to 41 ms")
                    try await browser.see("99 of 100 up to 3.0 s")
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a browser without locks asks again`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    try await browser.control(
                        "Page.addScriptToEvaluateOnNewDocument",
                        .object(["source": "delete Navigator.prototype.locks"]))
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.see("Every 2 s")
                    try await stack.push(to: "mail")
                    try await browser.wait("the job is counted", "\(Self.waiting) === '2'")
                    #expect(try await stack.listeners() == 0)
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `more events than are worth hearing end the stream, and the page asks again`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.wait("the page is live", Browser.isLive)
                    var count = 1
                    // Too many are so many in five seconds, during which the machine may stand still.
                    for _ in 0..<10 where try await browser.run("return \(Self.isAsking)").bool != true {
                        count += 3000
                        try await stack.push(to: "mail", payloads: Array(repeating: "{}", count: 3000))
                        try await browser.wait(
                            "the page asks again or has counted all",
                            "\(Self.isAsking) || \(Self.waiting)?.replaceAll(',', '') === '\(count)'")
                    }
                    try await browser.wait("the page asks again", Self.isAsking)
                    try await eventually("nobody listens") { try await stack.listeners() == 0 }
                    try await browser.wait("all are counted", "\(Self.waiting)?.replaceAll(',', '') === '\(count)'")
                }
            }
        }

        @Test func `events are shown as they happen, by the filters in the address`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push("other", to: "other")
                try await Browser.with { browser in
                    try await browser.open(stack.page("events?queue=mail*"))
                    try await browser.see("as they happen")
                    let job = try await stack.push("send-mail", to: "mail")[0]
                    try await stack.push("other", to: "other")
                    try await stack.settle(of: "mail", .failedForGood(error: "no <b>such</b> recipient"))
                    try await browser.see("no <b>such</b> recipient")
                    // The newest first; the type is known from the push.
                    let rows = "return [...document.querySelectorAll('tbody tr')].map((row) => row.innerText)"
                    let shown = try await browser.run(rows).array?.compactMap(\.string) ?? []
                    let kinds = ["failed", "started", "pushed"]
                    #expect(shown.count >= 3 && zip(shown, kinds).allSatisfy { $0.contains($1) }, "\(shown)")
                    #expect(shown.allSatisfy { $0.contains("send-mail") || $0.contains("queue.created") })
                    try await browser.click(button: "Freeze")
                    try await stack.push("send-mail", to: "mail")
                    try await browser.see("nothing new is shown")
                    #expect(try await browser.run(rows).array?.count == shown.count)
                    try await browser.click(button: "Continue")
                    try await browser.wait(
                        "it goes on", "document.querySelectorAll('tbody tr').length === \(shown.count + 1)")
                    try await browser.click("tbody tr:nth-child(2) th a")
                    try await browser.wait("its job is shown", "location.hash === '#/jobs/mail/\(job)'")
                    try await browser.see("Failed")
                    try await eventually("its stream has ended") { try await stack.listeners() == 1 }
                    #expect(try await browser.complaints() == [])
                    try await browser.open(stack.page("events?kinds=nonsense"))
                    try await browser.see("must be some of pushed")
                }
            }
        }
    }
}

extension Browser {
    /// Whether the page hears events.
    static let isLive = "document.querySelector('.liveness')?.innerText === 'Live'"

    /// Hides the page, or shows it again, as far as the page can know.
    func hide(_ isHidden: Bool) async throws {
        try await run(
            """
            Object.defineProperty(document, 'hidden', { value: \(isHidden), configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
            """)
    }
}
