// `martlet top` on a pseudo-terminal against a real server, and `martlet top --once` in a pipe.

import Foundation
import MartletCommandSupport
import MartletJSON
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

private let content = OriginContent(files: [], bytesPerSecond: 1 << 30)

@Suite(.serialized) struct TopTests {
    private static func push(_ stack: TestStack, _ id: String, queue: String = "mail") async throws {
        _ = try await stack.post(
            "/api/v1/jobs", .object(["type": "send", "id": .string(id), "queue": .string(queue)]))
    }

    /// Runs `body` with `martlet top` on a terminal.
    private static func onTerminal(
        _ stack: TestStack, _ arguments: [String] = [], columns: Int = 100, token: String? = nil,
        _ body: (PseudoTerminal) async throws -> Void
    ) async throws {
        var environment = stack.environment
        environment["TERM"] = "xterm-256color"
        environment["MARTLET_TOKEN"] = token
        // Swift's own report of a crash, which comes after the terminal is restored, waits for somebody to read it.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        let terminal = try PseudoTerminal(["top"] + arguments, environment: environment, columns: columns)
        defer { terminal.end() }
        try await body(terminal)
    }

    /// Waits until a line of the screen contains all of the words.
    private static func until(_ stack: TestStack, _ terminal: PseudoTerminal, shows words: String...) async throws {
        do {
            try await stack.until("the screen shows \(words)") {
                terminal.screen.contains { line in words.allSatisfy { line.contains($0) } }
            }
        } catch {
            Issue.record("the screen shows no \(words), it shows:\n\(terminal.screen.joined(separator: "\n"))")
            throw error
        }
    }

    @Test func `a queue is shown and paused by keys, and the terminal is as it was before`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try await Self.push(stack, "a")
            try await Self.onTerminal(stack) { terminal in
                let before = terminal.settings
                try await Self.until(stack, terminal, shows: "mail", "running")
                #expect(terminal.settings != before, "the terminal sends each key at once")
                // The first row is the queue of downloads.
                terminal.type("jP")
                try await Self.until(stack, terminal, shows: "Pause queue mail?")
                #expect(
                    try await stack.get("/api/v1/queues/mail")["paused"].bool == false, "nothing happens before Enter")
                terminal.type("upgrade\r")
                try await Self.until(stack, terminal, shows: "mail", "paused", "upgrade")
                #expect(try await stack.get("/api/v1/queues/mail")["pause"]["reason"].string == "upgrade")
                terminal.type("U")
                try await Self.until(stack, terminal, shows: "Resume queue mail?")
                terminal.type("n")
                try await Self.until(stack, terminal, shows: "Nothing was done.")
                #expect(try await stack.get("/api/v1/queues/mail")["paused"].bool == true)
                terminal.type("q")
                try await stack.until("it ends") { terminal.status != nil }
                #expect(terminal.status == 0)
                #expect(terminal.settings == before)
                try await stack.until("the alternate screen is left last") {
                    terminal.output.hasSuffix("\u{1B}[?1049l")
                }
            }
        }
    }

    @Test func `a job is found from its queue, shown in full and cancelled, also after a change of size`() async throws
    {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            for number in 0..<30 { try await Self.push(stack, "job-\(number)") }
            try await Self.onTerminal(stack, columns: 60) { terminal in
                try await Self.until(stack, terminal, shows: "mail", "running")
                terminal.type("j\r")
                try await Self.until(stack, terminal, shows: "> job-0", "queued")
                terminal.resize(columns: 120, rows: 12)
                try await Self.until(stack, terminal, shows: "CREATED")
                #expect(terminal.screen.count <= 12)
                terminal.type("jj\r")
                try await Self.until(stack, terminal, shows: "id ", "job-2")
                terminal.type("X")
                try await Self.until(stack, terminal, shows: "Cancel job job-2?")
                terminal.type("y")
                try await Self.until(stack, terminal, shows: "Cancel job job-2: done.")
                #expect(try await stack.get("/api/v1/jobs/job-2")["state"].string == "cancelled")
                #expect(try await stack.get("/api/v1/jobs/job-1")["state"].string == "queued")
            }
        }
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT])
    func `the terminal is restored when a signal ends the command`(_ signal: Int32) async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try await Self.onTerminal(stack) { terminal in
                let before = terminal.settings
                try await Self.until(stack, terminal, shows: "live")
                terminal.send(signal)
                try await stack.until("it ends") { terminal.status != nil }
                let isOrderly = [SIGTERM, SIGINT, SIGHUP].contains(signal)
                #expect(terminal.status == (isOrderly ? 0 : 128 + signal))
                #expect(terminal.settings == before)
                try await stack.until("the alternate screen is left") { terminal.output.contains("\u{1B}[?1049l") }
            }
        }
    }

    @Test func `Ctrl-Z gives the terminal back until the command continues`() async throws {
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try await Self.push(stack, "a")
            try await Self.onTerminal(stack) { terminal in
                let before = terminal.settings
                try await Self.until(stack, terminal, shows: "mail")
                let raw = terminal.settings
                terminal.send(SIGTSTP)
                try await stack.until("it is stopped") { terminal.isStopped }
                #expect(terminal.settings == before)
                try await stack.until("the alternate screen is left") { terminal.output.hasSuffix("\u{1B}[?1049l") }
                terminal.send(SIGCONT)
                try await stack.until("it has the terminal again") { terminal.settings == raw }
                try await Self.until(stack, terminal, shows: "mail", "running")
                terminal.type("q")
                try await stack.until("it ends") { terminal.status != nil }
                #expect(terminal.status == 0 && terminal.settings == before)
            }
        }
    }

    @Test func `while the server is gone the last numbers stay with their age`() async throws {
        try await TestStack.with(content) { stack in
            let server = try await stack.serve()
            try await Self.push(stack, "a")
            try await Self.onTerminal(stack) { terminal in
                try await Self.until(stack, terminal, shows: "live")
                server.send(SIGTERM)
                try await Self.until(stack, terminal, shows: "LOST for")
                try await Self.until(stack, terminal, shows: "1 queued (", "s ago)")
                try await Self.until(stack, terminal, shows: "mail", "running")
                // It may still hold the port when its clients have lost it.
                try await stack.until("the server has ended") { server.status != nil }
                try await stack.serve()
                try await Self.until(stack, terminal, shows: "live")
            }
        }
    }

    @Test func `what the token does not allow is refused by the server and shown`() async throws {
        try await TestStack.with(content) { stack in
            let made = try await stack.martlet("token", "viewer", "--role", "read", "-o", "json").json
            let path = stack.directory + "/tokens"
            try Data((try #require(made["line"].string) + "\n").utf8).write(to: URL(filePath: path))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let queue = stack.store.queue(.default)
            try await queue.pause(reason: "so that it exists", by: "test")
            try await stack.serve(["AUTH_TOKENS_FILE": path])
            let without = try await stack.martlet("top", "--once")
            #expect(without.status == 4 && without.output.isEmpty, "\(without.errors)")
            let token: String = try #require(made["token"].string)
            try await Self.onTerminal(stack, token: token) { terminal in
                try await Self.until(stack, terminal, shows: "default", "paused")
                terminal.type("U")
                try await Self.until(stack, terminal, shows: "Resume queue default?")
                terminal.type("y")
                try await Self.until(stack, terminal, shows: "Resume queue default: ", "operate")
                #expect(try await queue.status()?.isPaused == true)
            }
        }
    }
}

@Suite(.serialized) struct TopOnceTests {
    @Test func `once is text for scripts, with an exit code`() async throws {
        try await TestStack.with(content) { stack in
            let away = try await stack.martlet("top", "--once")
            #expect(away.status == 69 && away.output.isEmpty && away.errors.contains("no server at"))
            try await stack.serve()
            _ = try await stack.post("/api/v1/jobs", .object(["type": "send", "id": "a", "queue": "mail"]))
            let queues = try await stack.martlet("top", "--once", environment: ["TERM": "dumb"])
            #expect(queues.status == 0 && queues.errors.isEmpty)
            #expect(queues.output.contains("2 queues") && queues.output.contains("1 queued"), "\(queues.output)")
            #expect(queues.output.contains("0 workers, 0 of 0 slots busy") && queues.output.contains("Redis "))
            let jobs = try await stack.martlet("top", "--once", "--view", "jobs", "--queue", "mail")
            #expect(
                jobs.output.split(separator: "\n").last?.hasPrefix("a   mail   send  queued") == true, "\(jobs.output)")
            for view in TopView.allCases {
                let result = try await stack.martlet("top", "--once", "--view", view.rawValue)
                #expect(result.status == 0, "\(result.errors)")
                let isClean = result.output.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 }
                #expect(isClean, "no control sequences")
            }
            let other = try await stack.martlet("top", "--once", "--view", "jobs", "--queue", "Not A Queue")
            #expect(other.status == 64 && other.output.isEmpty, "\(other.errors)")
        }
    }

    @Test func `without a terminal that can show a screen the error names once`() async throws {
        try await TestStack.with(content) { stack in
            let piped = try await stack.martlet("top")
            #expect(piped.status == 64 && piped.errors.contains("--once"), "\(piped.errors)")
            var environment = stack.environment
            environment["TERM"] = "dumb"
            let terminal = try PseudoTerminal(["top"], environment: environment)
            defer { terminal.end() }
            try await stack.until("it ends") { terminal.status != nil }
            #expect(terminal.status == 64)
            try await stack.until("it says why") { terminal.output.contains("TERM=dumb") }
            #expect(terminal.output.contains("--once") && !terminal.output.contains("\u{1B}"))
        }
    }
}
