// `martlet events` against a real server: what it shows, its end, and a server that goes and comes back.

import Foundation
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletCLI

private let content = OriginContent(files: [], bytesPerSecond: 1 << 30)

@Suite(.serialized) struct EventsCommandTests {
    /// The events in the log of a listening command.
    private func events(_ stack: TestStack) -> [JSONValue] {
        stack.log("events").split(separator: "\n").compactMap { try? JSONValue(Array($0.utf8)) }
    }

    private func words(_ stack: TestStack) -> [String] {
        events(stack).compactMap { event in
            event["subject"].string.map { "\(event["type"].string ?? "") \($0)" }
        }
    }

    @Test func `events are shown as they happen, over a restart of the server, until Ctrl-C`() async throws {
        try await TestStack.with(content) { stack in
            let server = try await stack.serve()
            let listening = try stack.start(["events", "-f", "--queue", "default", "-o", "jsonl"])
            var pushes = 0
            // It listens when a push shows.
            try await stack.until("it listens") {
                pushes += 1
                _ = try await stack.post(
                    "/api/v1/jobs", try JSONValue(Array("{\"type\":\"t\",\"id\":\"a\(pushes)\"}".utf8)))
                return !self.events(stack).isEmpty
            }
            #expect(kill(server.processID, SIGTERM) == 0)
            try await stack.until("the server has ended") { server.status != nil }
            #expect(server.status == 0)
            try await stack.serve()
            _ = try await stack.post("/api/v1/jobs", try JSONValue(Array("{\"type\":\"t\",\"id\":\"last\"}".utf8)))
            try await stack.until("it goes on") { self.words(stack).contains("dev.martlet.job.pushed last") }
            let shown = self.words(stack)
            #expect(Set(shown).count == shown.count, "nothing is shown twice")
            #expect(kill(listening.processID, SIGINT) == 0)
            try await stack.until("it ends") { listening.status != nil }
            #expect(listening.status == 0)
            let recorded = try await stack.martlet("events", "--kinds", "pushed", "--job", "last")
            #expect(recorded.status == 0 && recorded.output.contains("pushed"), "\(recorded.errors)")
            #expect(recorded.output.split(separator: "\n").count == 1, "\(recorded.output)")
        }
    }

    @Test func `a wrong kind, a wrong form and a missing server are reported`() async throws {
        try await TestStack.with(content) { stack in
            #expect(try await stack.martlet("events", "-f").status == 69)
            #expect(try await stack.martlet("events", "-o", "json").status == 64)
            try await stack.serve()
            let wrong = try await stack.martlet("events", "--kinds", "nothing")
            #expect(wrong.status == 64 && wrong.errors.contains("completed"), "\(wrong.errors)")
        }
    }
}
