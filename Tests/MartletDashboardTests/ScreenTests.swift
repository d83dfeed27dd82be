// Every screen in light, in dark and on a phone: without complaint, within its width, and readable for everybody.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

/// All suites of this target run one after the other: one browser at a time.
@Suite(.serialized) struct Dashboard {}

extension Dashboard {
    @Suite(.serialized) struct ScreenTests {
        /// The screens with what they must show.
        private static func screens(_ job: JobID) -> [(String, String)] {
            [
                ("overview", "Needs attention"), ("jobs", "Jobs"), ("jobs?state=failed", "no such recipient"),
                ("jobs/mail/\(job)", "no such recipient"), ("queues", "Queues"), ("queues/mail", "Settings"),
                ("queues/mail/limits", "host:*"), ("queues/mail/limits?key=host:mx.example.com", "the host is down"),
                ("queues/paused", "database upgrade"), ("downloads", "Add downloads"), ("events", "as they happen"),
                ("errors", "no such recipient"), ("workers", "Workers"), ("audit", "database upgrade"),
                ("system", "Checks"), ("nowhere", "There is nothing at this address."),
            ]
        }

        @Test(arguments: Look.allCases)
        func `every screen shows its data without complaint and within its width`(look: Look) async throws {
            let files = [OriginFile(name: "slow.bin", size: 4 << 20, seed: 1)]
            try await DashboardStack.with(files: files, bytesPerSecond: 200_000) { stack in
                let job = try await Self.fill(stack)
                try await Browser.with(look) { browser in
                    for (screen, text) in Self.screens(job) {
                        try await browser.open(stack.page(screen))
                        try await browser.see(text)
                        try await browser.wait(
                            "\(screen) has its numbers", "!document.querySelector('main[aria-busy]')")
                        let width = try await browser.run(
                            "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                        #expect(width.int == 0, "\(screen) in \(look) is too wide")
                        try await Self.checkAccess(browser, "\(screen) in \(look)")
                    }
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        /// A failed job, waiting jobs, a paused queue, a running download and a worker.
        private static func fill(_ stack: DashboardStack) async throws -> JobID {
            let job = try await stack.push("send-mail", to: "mail", payloads: [#"{"to":"ada@example.com"}"#])[0]
            try await stack.settle(of: "mail", .failedForGood(error: "no such recipient: ada@example.com"))
            try await stack.push("send-mail", to: "mail", payloads: Array(repeating: "{}", count: 60))
            try await stack.push("report", to: "paused")
            _ = try await APIClient.with(stack.base, token: nil) { client in
                try await client.post(
                    "/api/v1/queues/paused/pause", body: .object(["reason": .string("database upgrade")]))
            }
            let mail = stack.queue("mail")
            let rate = LimitRate(count: 100, per: .seconds(60), burst: 5)
            try await mail.setLimit("host:*", to: QueueLimit(concurrency: 2, rate: rate))
            try await mail.pauseLimit(
                "host:mx.example.com", reason: "the host is down", for: .seconds(3600), by: "oncall")
            try await mail.overrideLimit("tenant:7", with: QueueLimit(concurrency: 20), for: .seconds(600))
            try stack.work("downloads=2,other=1")
            _ = try await APIClient.with(stack.base, token: nil) { client in
                try await client.post(
                    "/api/downloads", body: .object(["url": .string(stack.origin.url(of: "slow.bin"))]))
            }
            return job
        }

        /// The findings of axe-core that are serious, where the environment names its file.
        private static func checkAccess(_ browser: Browser, _ place: String) async throws {
            guard let path = ProcessInfo.processInfo.environment["MARTLET_AXE"], !path.isEmpty else { return }
            let axe = try String(contentsOfFile: path, encoding: .utf8)
            let found = try await browser.run(
                axe + """
                    ; return axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations
                        .filter((finding) => ['serious', 'critical'].includes(finding.impact))
                        .map((finding) => finding.id + ': ' + finding.nodes.map((node) => node.html).slice(0, 3).join(' ')));
                    """)
            #expect(found.array?.compactMap(\.string) == [], "\(place)")
        }

        @Test func `the first paint comes soon, and everything is loaded from the server`() async throws {
            try await DashboardStack.with { stack in
                try await Browser.with { browser in
                    var milliseconds = Double.infinity
                    // The goal is 200 ms; a machine that is busy with other tests is slower, and may stand still once.
                    for _ in 0..<10 where milliseconds >= 1000 {
                        try await browser.open("about:blank")
                        try await browser.open(stack.page("overview"))
                        try await browser.see("Needs attention")
                        let paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
                        try await browser.wait("it is painted", paint)
                        milliseconds = min(milliseconds, try #require(try await browser.run("return \(paint)").double))
                    }
                    #expect(milliseconds < 1000, "first paint after \(milliseconds) ms")
                    let foreign = try await browser.run(
                        """
                        return performance.getEntriesByType('resource').map((entry) => entry.name)
                            .filter((name) => !name.startsWith(location.origin + '/'));
                        """)
                    #expect(foreign.array?.isEmpty == true)
                }
            }
        }

        @Test func `the audit shows all of what was done, however long it is`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                let reason =
                    "the database moves to another machine, and nobody may send mail before it has arrived there"
                _ = try await APIClient.with(stack.base, token: nil) { client in
                    try await client.post(
                        "/api/v1/queues/mail/pause", body: .object(["reason": .string(reason)]))
                }
                for look in Look.allCases {
                    try await Browser.with(look) { browser in
                        try await browser.open(stack.page("audit"))
                        try await browser.see("mail · paused no → yes, reason – → \(reason)")
                        let isCut = try await browser.run(
                            "return [...document.querySelectorAll('tbody *')].some((one) => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflow !== 'visible')"
                        )
                        #expect(isCut.bool == false, "\(look)")
                        try await browser.click(button: "pauseQueue")
                        try await browser.wait("it is a filter", "location.hash === '#/audit?action=pauseQueue'")
                    }
                }
            }
        }

        @Test func `an address with filters opens the same list again`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push("a", to: "one", payloads: ["1", "2"])
                try await stack.push("b", to: "two", payloads: ["3"])
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs"))
                    try await browser.wait("all jobs are listed", "document.querySelectorAll('tbody tr').length === 3")
                    try await browser.type("queue:one type:a\(Browser.Key.enter)", into: "#search")
                    try await browser.wait("two jobs are left", "document.querySelectorAll('tbody tr').length === 2")
                    let address = try #require(try await browser.run("return location.href").string)
                    #expect(address.hasSuffix("#/jobs?queue=one&type=a"))
                    try await browser.open("about:blank")
                    try await browser.open(address)
                    try await browser.wait("two jobs are listed", "document.querySelectorAll('tbody tr').length === 2")
                    try await browser.click("button.chip")
                    try await browser.wait("the filter is gone", "location.hash === '#/jobs?type=a'")
                }
            }
        }

        @Test func `pages of jobs follow each other`() async throws {
            try await DashboardStack.with { stack in
                let ids = try await stack.push(payloads: (0..<120).map(String.init))
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?queue=q"))
                    var seen: [String] = []
                    for (page, count) in [50, 50, 20].enumerated() {
                        try await browser.wait(
                            "page \(page)", "document.querySelectorAll('tbody tr').length === \(count)")
                        seen +=
                            try await browser.run(
                                "return [...document.querySelectorAll('tbody th a')].map((a) => a.title)"
                            )
                            .array?.compactMap(\.string) ?? []
                        if count == 50 { try await browser.press("]") }
                        let last = seen.last ?? ""
                        if count == 50 {
                            try await browser.wait(
                                "the next page",
                                "![...document.querySelectorAll('tbody th a')].some((a) => a.title === '\(last)')")
                        }
                    }
                    #expect(seen == ids.map(\.description))
                }
            }
        }
    }
}
