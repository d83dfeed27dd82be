// The screen of limits: set, override, pause, take back and remove them, and what it loads.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

extension Dashboard {
    @Suite(.serialized) struct LimitScreenTests {
        /// Clicks a button of the row of a limit.
        private static func click(_ browser: Browser, _ button: String, of key: String) async throws {
            try await browser.wait(
                "\(button) of \(key) is there", "document.querySelector('[aria-label=\"\(button) \(key)\"]')")
            try await browser.run("document.querySelector('[aria-label=\"\(button) \(key)\"]').click()")
        }

        @Test func `a limit is set, overridden, paused, taken back and removed`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                let queue = stack.queue("mail")
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.click(button: "Limits")
                    try await browser.see("This queue has no limit of a key.")
                    try await browser.click(button: "Set a limit")
                    try await browser.type("host:*", into: "dialog [name=key]")
                    try await browser.type("2", into: "dialog [name=concurrency]")
                    try await browser.type("100", into: "dialog [name=count]")
                    try await browser.click("dialog [type=submit]")
                    try await browser.hear("The limit host:* is set.")
                    let rate = LimitRate(count: 100, per: .seconds(60))
                    #expect(try await queue.limit(named: "host:*")?.base == QueueLimit(concurrency: 2, rate: rate))
                    try await Self.click(browser, "Edit", of: "host:*")
                    try await browser.click("dialog [name=override]")
                    try await browser.type("600", into: "dialog [name=for]")
                    try await browser.click("dialog [type=submit]")
                    try await browser.see("overridden, ends in")
                    try await Self.click(browser, "Pause", of: "host:*")
                    try await browser.type("the host is down", into: "dialog [name=reason]")
                    try await browser.click("dialog [type=submit]")
                    try await browser.see("the host is down")
                    #expect(try await queue.limit(named: "host:*")?.pause?.reason == "the host is down")
                    try await Self.click(browser, "Resume", of: "host:*")
                    try await browser.hear("host:* runs again.")
                    try await Self.click(browser, "Reset", of: "host:*")
                    try await browser.hear("host:* is back at its base value.")
                    #expect(try await queue.limit(named: "host:*")?.override == nil)
                    try await browser.click("tbody th a")
                    try await Self.click(browser, "Remove", of: "host:*")
                    try await browser.click("dialog [type=submit]")
                    try await browser.see("This queue has no limit of a key.")
                    #expect(try await queue.limits().limits.isEmpty)
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a blocked job says which limit it waits for, in lists and on its screen`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                let queue = stack.queue("mail")
                try await queue.setLimit("host:*", to: QueueLimit(concurrency: 0))
                let job = NewJob(type: "t", payload: Array("{}".utf8), limits: ["host:a"])
                #expect(try await queue.enqueue(job) == .created(.blocked))
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?state=blocked"))
                    try await browser.see("waits for host:a")
                    try await browser.open(stack.page("jobs/mail/\(job.id)"))
                    try await browser.see("waits until the limit of host:a has room")
                    try await browser.open(stack.page("overview"))
                    try await browser.see("by limits")
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `its code is loaded when it is opened, and a fault of a value is told in the form`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    let loaded = """
                        performance.getEntriesByType('resource').filter((entry) => /limit|audit/.test(entry.name)
                            && entry.name.endsWith('.js')).map((entry) => entry.name.split('/').pop()).sort()
                        """
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.see("Settings")
                    #expect(try await browser.run("return \(loaded)").line == "[]")
                    try await browser.click(button: "Limits")
                    try await browser.see("This queue has no limit of a key.")
                    #expect(try await browser.run("return \(loaded)").line == #"["limit-form.js","limits.js"]"#)
                    try await browser.click(button: "Set a limit")
                    try await browser.type("host", into: "dialog [name=key]")
                    try await browser.type("1", into: "dialog [name=concurrency]")
                    try await browser.click("dialog [type=submit]")
                    try await browser.see("must be a key like host:example.com")
                }
            }
        }
    }
}
