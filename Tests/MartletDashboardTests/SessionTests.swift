// Tokens in a browser: entered once, kept from scripts, and no more than their roles allow.

import FoundationEssentials
import MartletHTTP
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

extension Dashboard {
    @Suite(.serialized) struct SessionTests {
        private static func login(_ browser: Browser, _ stack: DashboardStack, _ token: AccessToken) async throws {
            try await browser.open("about:blank")
            try await browser.open(stack.page("queues/q"))
            try await browser.see("This server needs a token.")
            try await browser.type(token.secret, into: "input[name=token]")
            try await browser.click(button: "Log in")
            try await browser.see("Settings")
        }

        @Test func `a token is entered once, no script can read it, and logging out ends it`() async throws {
            let token = try AccessToken(name: "oncall", roles: [.operate, .read])
            try await DashboardStack.with(tokens: token.line) { stack in
                try await stack.push()
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/q"))
                    try await browser.see("This server needs a token.")
                    try await browser.type("mt_wrong", into: "input[name=token]")
                    try await browser.click(button: "Log in")
                    try await browser.see("The server does not know this token")
                    try await Self.login(browser, stack, token)
                    let kept = try await browser.run(
                        "return document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.body.outerHTML"
                    )
                    #expect(
                        kept.string?.contains(token.secret) == false
                            && kept.string?.contains("martlet_session") == false)
                    try await browser.open("about:blank")
                    try await browser.open(stack.page("system"))
                    try await browser.see("oncall")
                    #expect(try await browser.text.contains("operate"))
                    try await browser.click(button: "Log out")
                    try await browser.see("This server needs a token.")
                    try await browser.open("about:blank")
                    try await browser.open(stack.page("queues"))
                    try await browser.see("This server needs a token.")
                }
            }
        }

        @Test func `a reader sees everything and changes nothing, in the page and on the server`() async throws {
            let token = try AccessToken(name: "reader", roles: [.read])
            try await DashboardStack.with(tokens: token.line) { stack in
                let job = try await stack.push()[0]
                try await Browser.with { browser in
                    try await Self.login(browser, stack, token)
                    let disabled =
                        "[...document.querySelectorAll('.head button, .verbs button')]"
                        + ".every((button) => button.classList.contains('quiet') || button.getAttribute('aria-disabled') === 'true')"
                    #expect(try await browser.run("return \(disabled)").bool == true)
                    try await browser.click(button: "Pause")
                    try await browser.hear("Your token has no role that may")
                    try await browser.open(stack.page("jobs/q/\(job)"))
                    try await browser.see("Waits to run")
                    #expect(try await browser.run("return \(disabled)").bool == true)
                    try await browser.press("c", held: [Browser.Key.shift])
                    try await browser.hear("Your token has no role that may", times: 2)
                    let refused = try await browser.run(
                        """
                        return fetch('../api/v1/queues/q/pause', { method: 'POST' }).then((answer) => answer.status);
                        """)
                    #expect(refused.int == 403)
                    #expect(try await stack.queue("q").status()?.isPaused == false)
                }
            }
        }

        @Test func `everything works below a prefix that a proxy adds`() async throws {
            let token = try AccessToken(name: "oncall", roles: [.admin])
            try await DashboardStack.with(tokens: token.line) { stack in
                try await stack.push()
                try await PrefixProxy.with(stack.base) { base in
                    try await Browser.with { browser in
                        try await browser.open(base + "/ui")
                        try await browser.see("This server needs a token.")
                        try await browser.type(token.secret, into: "input[name=token]")
                        try await browser.click(button: "Log in")
                        try await browser.see("Needs attention")
                        #expect(try await browser.run("return location.pathname").string == "/ops/martlet/ui/")
                        try await browser.click(button: "q")
                        try await browser.click(button: "Pause")
                        try await browser.click(button: "Pause")
                        try await eventually("the queue is paused") {
                            try await stack.queue("q").status()?.isPaused == true
                        }
                        try await browser.open("about:blank")
                        try await browser.open(base + "/ui/#/downloads")
                        try await browser.see("There is no download yet")
                        #expect(try await browser.complaints().filter { !$0.contains("401") } == [])
                    }
                }
            }
        }
    }
}
