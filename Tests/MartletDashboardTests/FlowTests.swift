// What people come for: find the failed job and retry it, pause a queue, add downloads, without a mouse, across a restart.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

extension Dashboard {
    @Suite(.serialized) struct FlowTests {
        @Test func `the one failed job among a hundred thousand is found and retried`() async throws {
            try await DashboardStack.with { stack in
                let failed = try await stack.push("send-mail", to: "mail")[0]
                try await stack.settle(of: "mail", .failedForGood(error: "no such recipient"))
                try await stack.push("send-mail", to: "mail", payloads: Array(repeating: "{}", count: 99_999))
                try await Browser.with { browser in
                    try await browser.open(stack.page("overview"))
                    try await browser.click(button: "1 failed job in mail")
                    try await browser.see("no such recipient")
                    try await browser.click("tbody th a")
                    try await browser.see("Its error is permanent".lowercased())
                    // What is not possible now says why.
                    let reason = try await browser.run(
                        "return [...document.querySelectorAll('.verbs button')].find((b) => b.textContent === 'Cancel').title"
                    )
                    #expect(reason.string?.contains("this one is failed") == true)
                    try await browser.click(button: "Retry")
                    try await browser.see("1 job will run again")
                    try await browser.click(button: "Retry 1 job")
                    try await browser.see("Waits to run")
                    #expect(try await stack.queue("mail").job(failed)?.state == .queued)
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `what is selected is changed after a preview that says what cannot be`() async throws {
            try await DashboardStack.with { stack in
                let ids = try await stack.push(payloads: (0..<10).map(String.init))
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?queue=q"))
                    try await browser.wait("jobs are listed", "document.querySelectorAll('tbody tr').length === 10")
                    try await browser.click("thead input")
                    // One of them is cancelled by somebody else, and the selection stays.
                    _ = try await stack.queue("q").control(.cancel, [ids[3]])
                    try await browser.click(button: "Pause")
                    try await browser.see("9 jobs will be set aside")
                    try await browser.see("1 job cannot be changed")
                    #expect(try await stack.queue("q").status()?.jobs[.paused] == 0)
                    try await browser.click(button: "Pause 9 jobs")
                    try await eventually("nine are paused") { try await stack.queue("q").status()?.jobs[.paused] == 9 }
                }
            }
        }

        @Test func `five thousand jobs are found by a filter and cancelled, after they are counted`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push("newsletter", to: "mail", payloads: (0..<5000).map(String.init))
                try await stack.push("receipt", to: "mail", payloads: (0..<300).map(String.init))
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?type=newsletter"))
                    try await browser.see("50 on this page")
                    try await browser.click(button: "Act on all that match")
                    try await browser.choose("Cancel", in: "dialog select")
                    try await browser.see("5,000 jobs will end cancelled")
                    #expect(try await stack.queue("mail").status()?.jobs[.cancelled] == 0, "nothing happens before")
                    try await browser.click(button: "Cancel 5,000 jobs")
                    try await browser.hear("Cancel: 5,000 of 5,000 jobs done.")
                    let jobs = try #require(try await stack.queue("mail").status()?.jobs)
                    #expect(jobs[.cancelled] == 5000 && jobs[.queued] == 300)
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `the failed jobs of a group of errors are retried, and the job tells of its attempt`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push("a", to: "mail", payloads: ["1", "2", "3"])
                for error in ["order 1 failed", "order 2 failed", "no room"] {
                    try await stack.settle(of: "mail", .failedForGood(error: error))
                }
                try await Browser.with { browser in
                    try await browser.open(stack.page("errors"))
                    try await browser.wait(
                        "two groups are listed", "document.querySelectorAll('tbody tr').length === 2")
                    try await browser.open(stack.page("errors?type=a"))
                    try await browser.see("order 2 failed")
                    try await browser.run(
                        """
                        [...document.querySelectorAll('tbody tr')].find((row) => row.textContent.includes('order 2 failed'))
                            .querySelector('button').click();
                        """)
                    try await browser.choose("Retry", in: "dialog select")
                    try await browser.see("2 jobs will run again")
                    try await browser.click(button: "Retry 2 jobs")
                    try await browser.hear("Retry: 2 of 2 jobs done.")
                    // Its attempts stay counted, and none of its jobs has failed now.
                    try await browser.wait(
                        "the group has none",
                        """
                        [...document.querySelectorAll('tbody tr')].some((row) => row.textContent.includes('order 2 failed')
                            && [...row.cells].some((cell) => cell.dataset.label === 'Failed now' && cell.textContent === '0')
                            && row.querySelector('button').title === 'None of its jobs has failed now.')
                        """)
                    let jobs = try #require(try await stack.queue("mail").status()?.jobs)
                    #expect(jobs[.queued] == 2 && jobs[.failed] == 1)
                    let id = try #require(try await stack.queue("mail").list(states: [.queued]).jobs.first?.id)
                    try await browser.open(stack.page("jobs/mail/\(id)"))
                    try await browser.see("An attempt failed")
                    #expect(try await browser.complaints() == [])
                }
            }
        }

        @Test func `a queue is paused with a reason that others see`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/mail"))
                    try await browser.click(button: "Pause")
                    try await browser.type("database upgrade", into: "dialog input[name=reason]")
                    try await browser.click(button: "Pause")
                    try await browser.see("database upgrade")
                    let pause = try await stack.queue("mail").status()?.paused
                    #expect(pause?.reason == "database upgrade" && pause?.by == "local")
                    try await browser.open(stack.page("overview"))
                    try await browser.see("mail is paused while 1 job waits")
                    try await browser.click(button: "Resume")
                    try await eventually("the queue runs") { try await stack.queue("mail").status()?.isPaused == false }
                }
            }
        }

        @Test func `settings of a queue are changed, and a wrong one is refused with the reason`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push(to: "mail")
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues/mail"))
                    let before = try #require(try await stack.queue("mail").status()?.settings)
                    try await browser.click(button: "Settings")
                    try await browser.type("7", into: "dialog input[name=concurrency]")
                    try await browser.click(button: "Save")
                    try await browser.see("7 jobs at one time")
                    let settings = try #require(try await stack.queue("mail").status()?.settings)
                    #expect(settings.limit == 7 && settings.lease == before.lease)
                    #expect(settings.completed == before.completed)
                }
            }
        }

        @Test func `pasted addresses are downloaded while the page shows it`() async throws {
            let files = (0..<50).map { OriginFile(name: "f\($0).bin", size: 60_000, seed: UInt64($0)) }
            try await DashboardStack.with(files: files) { stack in
                try stack.work("downloads=5")
                try await Browser.with { browser in
                    try await browser.open(stack.page("downloads"))
                    try await browser.click(button: "Add downloads")
                    try await browser.wait("it asks for them", "document.querySelector('dialog[open] textarea')")
                    let lines = files.map { stack.origin.url(of: $0.name) }.joined(separator: "\n")
                    try await browser.run(
                        """
                        const area = document.querySelector('dialog textarea');
                        area.value = arguments[0];
                        area.dispatchEvent(new Event('input', { bubbles: true }));
                        """, .string(lines + "\nno address\n"))
                    try await browser.click(button: "Add 51 downloads")
                    try await browser.see("None was added: 1 line cannot be used.")
                    #expect(try await browser.text.contains("no address must not contain spaces"))
                    #expect(try await stack.queue("downloads").status()?.total ?? 0 == 0, "all or none")
                    try await browser.run(
                        """
                        const area = document.querySelector('dialog textarea');
                        area.value = arguments[0];
                        area.dispatchEvent(new Event('input', { bubbles: true }));
                        """, .string(lines))
                    try await browser.click(button: "Add 50 downloads")
                    // Rows under the pointer are held, and the button was where they are.
                    try await browser.point(at: nil)
                    try await browser.wait(
                        "all are completed", within: .seconds(180),
                        "[...document.querySelectorAll('tbody tr')].filter((row) => row.innerText.includes('completed')).length === 50"
                    )
                }
            }
        }

        @Test func `everything is done with the keyboard`() async throws {
            try await DashboardStack.with { stack in
                let ids = try await stack.push("t", payloads: ["1", "2", "3"])
                try await stack.settle(3, .failedForGood(error: "broken"))
                try await Browser.with { browser in
                    try await browser.open(stack.page("overview"))
                    try await browser.see("Needs attention")
                    try await browser.press("?")
                    try await browser.see("Keys do something")
                    try await browser.press(Browser.Key.escape)
                    try await browser.wait("the dialog is closed", "!document.querySelector('dialog')")
                    try await browser.go("g", "j", to: "#/jobs")
                    try await browser.wait(
                        "three jobs are listed", "document.querySelectorAll('tbody tr').length === 3")
                    try await browser.press("j", "j", "x")
                    try await browser.see("1 job selected")
                    try await browser.press("r", held: [Browser.Key.shift])
                    try await browser.see("1 job will run again")
                    try await browser.wait(
                        "it may be confirmed", "document.querySelector('dialog [type=submit]')?.disabled === false")
                    try await browser.run("document.querySelector('dialog [type=submit]').focus()")
                    try await browser.press(Browser.Key.enter)
                    try await eventually("one is queued") { try await stack.queue("q").status()?.jobs[.queued] == 1 }
                    try await browser.wait("the dialog is closed", "!document.querySelector('dialog')")
                    // Letters that are typed are letters.
                    try await browser.press("/")
                    try await browser.press("g", "q")
                    #expect(try await browser.run("return document.getElementById('search').value").string == "gq")
                    try await browser.run("document.activeElement.blur()")
                    try await browser.open(stack.page("jobs/q/\(ids[0])"))
                    try await browser.see("for good")
                    try await browser.press("d", held: [Browser.Key.shift])
                    try await browser.see("1 job will be forgotten")
                }
            }
        }

        @Test func `the priority of a download is changed with the arrows`() async throws {
            try await DashboardStack.with { stack in
                let id = try await APIClient.with(stack.base, token: nil) { client in
                    try await client.post("/api/downloads", body: .object(["url": "https://example.com/a.bin"]))["id"]
                        .string
                }
                let job = try #require(id.flatMap { JobID($0) })
                try await Browser.with { browser in
                    try await browser.open(stack.page("downloads"))
                    try await browser.see("a.bin")
                    try await browser.press("j")
                    let steps = [(Browser.Key.up, 1, 1), (Browser.Key.up, 2, 1), (Browser.Key.down, 1, 2)]
                    for (key, priority, times) in steps {
                        try await browser.press(key, held: [Browser.Key.shift])
                        try await eventually("its priority is \(priority)") {
                            try await stack.queue("downloads").job(job)?.priority == priority
                        }
                        try await browser.hear("has the priority \(priority).", times: times)
                        try await browser.wait(
                            "the row shows it", "document.querySelector('tbody tr').innerText.includes('\(priority)\t')"
                        )
                    }
                }
            }
        }

        @Test func `a page that is open while the server restarts says how old it is, and goes on`() async throws {
            try await DashboardStack.with { stack in
                try await stack.push()
                try await Browser.with { browser in
                    try await browser.open(stack.page("queues"))
                    try await browser.wait(
                        "both queues are listed", "document.querySelectorAll('tbody tr').length === 2")
                    await stack.stopServer()
                    try await browser.see("The server does not answer.")
                    try await browser.see("What you see is")
                    #expect(try await browser.run("return document.querySelectorAll('tbody tr').length").int == 2)
                    try await stack.push(to: "new")
                    try await stack.serve()
                    try await browser.wait(
                        "the new queue is listed", "document.querySelectorAll('tbody tr').length === 3")
                    try await browser.wait(
                        "the server answers", "!document.body.innerText.includes('The server does not answer.')")
                    try await browser.wait("it is live again", Browser.isLive)
                }
            }
        }

        @Test func `rows stay under the pointer, and updates stop when they are told to`() async throws {
            try await DashboardStack.with { stack in
                let ids = try await stack.push(payloads: ["1", "2", "3"])
                try await Browser.with { browser in
                    try await browser.open(stack.page("jobs?queue=q"))
                    try await browser.wait(
                        "three jobs are listed", "document.querySelectorAll('tbody tr').length === 3")
                    try await browser.point(at: "tbody tr:nth-child(2)")
                    _ = try await stack.queue("q").control(.cancel, [ids[0]])
                    _ = try await stack.queue("q").control(.delete, [ids[0]])
                    try await stack.push(payloads: ["4", "5"])
                    try await browser.see("2 new, 1 gone")
                    let order = "return [...document.querySelectorAll('tbody th a')].map((a) => a.title)"
                    #expect(try await browser.run(order).array?.compactMap(\.string) == ids.map(\.description))
                    try await browser.point(at: nil)
                    try await browser.wait("the list is new", "document.querySelectorAll('tbody tr').length === 4")
                    try await browser.press("r")
                    try await browser.see("Updates are stopped.")
                    try await stack.push(payloads: ["6"])
                    let at = try await browser.run("return performance.now()").double ?? 0
                    try await browser.wait("five seconds pass", "performance.now() > \(at) + 5000")
                    #expect(try await browser.run("return document.querySelectorAll('tbody tr').length").int == 4)
                    try await browser.press("r")
                    try await browser.wait("the list goes on", "document.querySelectorAll('tbody tr').length === 5")
                }
            }
        }
    }
}
