// What jobs hold is shown as text: markup, marks that turn text around, control characters, long texts, long numbers.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

extension Dashboard {
    @Suite(.serialized) struct HostileTests {
        private static let markup = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=2</script>"
        private static let marks = "\u{202E}gpj.exe\u{2066}\u{200B}\u{7}\u{1B}[31m"

        @Test func `markup, marks and control characters are shown as text`() async throws {
            try await DashboardStack.with { stack in
                let payload = JSONValue.object([Self.markup: .string(Self.markup + Self.marks)]).line
                let job = try await stack.push("</bdi>" + Self.markup, payloads: [payload])[0]
                try await stack.settle(1, .failedForGood(error: Self.markup + Self.marks))
                try await Browser.with { browser in
                    for screen in [
                        "overview", "jobs", "jobs?type=\(Percent.encoded(Self.markup, keeping: { _ in false }))",
                        "jobs/q/\(job)", "queues/q",
                    ] {
                        try await browser.open(stack.page(screen))
                        try await browser.wait("\(screen) is there", "!document.querySelector('main[aria-busy]')")
                    }
                    try await browser.open(stack.page("jobs/q/\(job)"))
                    try await browser.see("<img src=x onerror=")
                    let error = try await browser.run("return document.querySelector('pre').textContent").string ?? ""
                    #expect(error.contains(Self.markup))
                    let text = try await browser.run("return document.body.textContent").string ?? ""
                    #expect(
                        !text.unicodeScalars.contains {
                            ["\u{202E}", "\u{2066}", "\u{200B}", "\u{7}", "\u{1B}"].contains($0)
                        })
                    #expect(text.contains("\\u202e") && text.contains("\\u001b"))
                    #expect(
                        try await browser.run(
                            "return window.hacked === undefined && !document.querySelector('#app img, #app script')"
                        ).bool == true)
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a payload of a mebibyte is shown from its beginning, and the page stays quick`() async throws {
            try await DashboardStack.with { stack in
                let text = String(repeating: "0123456789abcdef", count: 65_000)
                let job = try await stack.push(payloads: ["{\"text\":\"\(text)\"}"])[0]
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs/q/\(job)"))
                    try await browser.see("the beginning of it")
                    let length =
                        try await browser.run("return document.querySelector('pre').textContent.length").int ?? 0
                    #expect(length > 100_000 && length < 300_000)
                    try await browser.go("g", "o", to: "#/overview")
                    try await browser.see("Needs attention")
                }
            }
        }

        @Test func `numbers of any size keep all their digits, and members their order`() async throws {
            try await DashboardStack.with { stack in
                let payload =
                    #"{"z":9007199254740993,"a":18446744073709551616,"e":1e400,"d":0.10,"z":[],"s":"a\"},{:\\"}"#
                let job = try await stack.push(payloads: [payload])[0]
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs/q/\(job)"))
                    try await browser.see("9007199254740993")
                    let shown = try await browser.run("return document.querySelector('pre').textContent").string ?? ""
                    let lines = shown.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }
                    #expect(
                        lines == [
                            "{", #""z": 9007199254740993,"#, #""a": 18446744073709551616,"#, #""e": 1e400,"#,
                            #""d": 0.10,"#, #""z": [],"#, #""s": "a\"},{:\\""#, "}",
                        ])
                }
            }
        }
    }
}
