// Finding jobs in the dashboard: every filter, a text, a search that looks at many jobs, and an action on all that match.

import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

extension Dashboard {
    @Suite(.serialized) struct FindingTests {
        /// Waits until the list has the jobs with these ids, in any order.
        private static func list(_ ids: [JobID], in browser: Browser) async throws {
            if ids.isEmpty { return try await browser.see("No job fits.") }
            let wanted = ids.map(\.description).sorted().joined(separator: " ")
            try await browser.wait(
                "the list has \(wanted)",
                "[...document.querySelectorAll('tbody th a')].map((a) => a.title).sort().join(' ') === '\(wanted)'")
        }

        private static func search(_ text: String, in browser: Browser) async throws {
            try await browser.type("\(text)\(Browser.Key.enter)", into: "#search")
        }

        @Test func `jobs are found by each filter, which stands in the address until it is removed`() async throws {
            try await DashboardStack.with { stack in
                let jobs = [
                    NewJob(
                        type: "send-mail", payload: Array(#"{"customer":{"id":4711}}"#.utf8), uniqueKey: "order 1",
                        tags: ["sale"]),
                    NewJob(type: "report", payload: Array(#"{"month":"May"}"#.utf8), tags: ["sale"]),
                    NewJob(type: "report", payload: Array(#"{"customer":{"id":12}}"#.utf8)),
                ]
                _ = try await stack.queue("mail").enqueue(jobs)
                let ids = jobs.map(\.id)
                try await Browser.with { browser in
                    for (filter, expected, address) in [
                        ("tag:sale", [0, 1], "tag=sale"), ("tag:sale type:report", [1], "tag=sale&type=report"),
                        ("payload.customer.id:4711", [0], "payload.customer.id=4711"),
                        ("unique_key:\"order 1\"", [0], "unique_key=order+1"),
                        ("created_after:1h", [0, 1, 2], "created_after=1h"),
                        ("created_before:1h", [], "created_before=1h"), ("type:report may", [1], "type=report&q=may"),
                    ] {
                        try await browser.open(stack.page("jobs"))
                        try await Self.list(ids, in: browser)
                        try await Self.search(filter, in: browser)
                        try await Self.list(expected.map { ids[$0] }, in: browser)
                        #expect(try await browser.run("return location.hash").string == "#/jobs?\(address)")
                        try await browser.open("about:blank")
                        try await browser.open(stack.page("jobs?\(address)"))
                        try await Self.list(expected.map { ids[$0] }, in: browser)
                        while try await browser.run("return document.querySelector('.chip') !== null").bool == true {
                            let count =
                                try await browser.run("return document.querySelectorAll('.chip').length").int ?? 0
                            try await browser.click(".chip")
                            try await browser.wait(
                                "a filter is gone", "document.querySelectorAll('.chip').length === \(count - 1)")
                        }
                        try await Self.list(ids, in: browser)
                    }
                    try await browser.choose("Last hour", in: "[aria-label='Time of the push']")
                    try await browser.wait("it is in the address", "location.hash === '#/jobs?created_after=1h'")
                    try await Self.search("tag:sale typ:report", in: browser)
                    try await browser.see("typ:report is not a filter. Filters are state:, queue:, type:, tag:,")
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a word that is an id opens its job, and any other text is searched for`() async throws {
            try await DashboardStack.with { stack in
                let ids = try await stack.push("send-mail", to: "mail", payloads: [#"{"to":"ada"}"#, #"{"to":"bob"}"#])
                try await stack.settle(of: "mail", .failedForGood(error: "no such recipient"))
                try await Browser.with { browser in
                    for (text, found) in [("ada", ids[0]), ("no such recipient", ids[0]), ("\"bob\"", ids[1])] {
                        try await browser.open(stack.page("jobs"))
                        try await Self.list(ids, in: browser)
                        try await Self.search(text, in: browser)
                        try await Self.list([found], in: browser)
                    }
                    try await Self.search("nowhere", in: browser)
                    try await browser.see("No job fits.")
                    try await browser.open(stack.page("jobs"))
                    try await Self.list(ids, in: browser)
                    try await Self.search(ids[1].description, in: browser)
                    try await browser.wait("its job is open", "location.hash === '#/jobs/mail/\(ids[1])'")
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a search goes on behind the jobs that one call looks at, and says how many they were`() async throws
        {
            try await DashboardStack.with { stack in
                try await stack.push("other", payloads: Array(repeating: "{}", count: 25_000))
                let ids = try await stack.push("rare", payloads: ["1", "2"])
                try await stack.push("other", payloads: Array(repeating: "{}", count: 25_000))
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?queue=q&type=rare"))
                    // A slow server looks at fewer jobs in a call, and leaves it to people to go on.
                    try await eventually("both are found") {
                        if try await browser.text.contains("No job fits so far.") { try await browser.press("]") }
                        return try await browser.run("return document.querySelectorAll('tbody tr').length").int == 2
                    }
                    try await Self.list(ids, in: browser)
                    // The call that finds them stops at its limit; the rest is looked at when that is asked for.
                    try await browser.see("of 50,002 jobs looked at")
                    try await browser.click(button: "Search on]")
                    try await browser.wait("it goes on from there", "location.hash.includes('cursor=')")
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `when a whole page is selected, all that match are offered, by values of payloads too`() async throws
        {
            try await DashboardStack.with { stack in
                let payloads = (0..<60).map { _ in #"{"customer":{"id":7}}"# }
                try await stack.push("a", to: "mail", payloads: payloads + [#"{"customer":{"id":8}}"#])
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?payload.customer.id=7&created_after=1h"))
                    try await browser.see("50 on this page")
                    try await browser.click("thead input")
                    try await browser.see("50 jobs selected")
                    try await browser.click("[role=toolbar] button:nth-last-of-type(2)")
                    try await browser.choose("Pause", in: "dialog select")
                    try await browser.see("60 jobs will be set aside")
                    try await browser.click(button: "Pause 60 jobs")
                    try await browser.see("Pause: 60 of 60 jobs done.")
                    let jobs = try #require(try await stack.queue("mail").status()?.jobs)
                    #expect(jobs[.paused] == 60 && jobs[.queued] == 1)
                    #expect(try await browser.complaints() == [])
                }
            }
        }
    }
}
