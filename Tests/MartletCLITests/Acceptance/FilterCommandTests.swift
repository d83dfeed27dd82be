// Finding jobs by filters and acting on all that match, by the command.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

@Suite(.serialized) struct FilterCommandTests {
    private static let content = OriginContent(files: [], bytesPerSecond: 1)

    private static func push(_ stack: TestStack, _ id: String, tag: String, _ payload: String) async throws {
        let line = ["enqueue", "t", "--queue", "q", "--id", id, "--tag", tag, "-d", payload]
        #expect(try await stack.martlet(line).status == 0)
    }

    private static func ids(_ result: CommandResult) -> [String] {
        (result.json.array ?? []).compactMap { $0["id"].string }
    }

    @Test func `job list finds jobs by its filters`() async throws {
        try await TestStack.with(Self.content) { stack in
            try await stack.serve()
            try await Self.push(stack, "a", tag: "blue", #"{"n":1,"note":"Hello"}"#)
            try await Self.push(stack, "b", tag: "red", #"{"n":2}"#)
            for (filter, expected) in [
                (["--tag", "blue"], ["a"]), (["--payload", "n=2"], ["b"]), (["--search", "hello"], ["a"]),
                (["--search", "b"], ["b"]), (["--created-after", "1h", "--queue", "q"], ["a", "b"]),
                (["--created-before", "1h"], []), (["--tag", "blue", "--payload", "n=2"], []),
                (["--error", "0123456789ab"], []), (["--unique-key", "none"], []),
            ] {
                let found = try await stack.martlet(["job", "list", "-o", "json"] + filter)
                #expect(found.status == 0 && Self.ids(found) == expected, "\(filter) \(found.errors)")
            }
        }
    }

    @Test func `a verb on all that match counts, asks, and changes them alone`() async throws {
        try await TestStack.with(Self.content) { stack in
            try await stack.serve()
            for number in 0..<3 { try await Self.push(stack, "a\(number)", tag: "blue", "{}") }
            try await Self.push(stack, "b", tag: "red", "{}")
            let all = ["--all-matching", "--queue", "q", "--tag", "blue", "-o", "json"]
            let dry = try await stack.martlet(["job", "cancel", "--dry-run"] + all)
            #expect(dry.status == 0 && dry.json["matched"].int == 3, "\(dry.errors)")
            #expect(dry.json["jobs"].array?.count == 3)
            let silent = try await stack.martlet(["job", "cancel"] + all)
            #expect(silent.status == 64 && silent.errors.contains("--yes"), "there is no terminal to ask")
            let other = try await stack.martlet(["job", "cancel", "--yes", "--expected-count", "4"] + all)
            #expect(other.status != 0 && other.errors.contains("3 jobs match"), "\(other.errors)")
            #expect(Self.ids(try await stack.martlet("job", "list", "--state", "queued", "-o", "json")).count == 4)
            let done = try await stack.martlet(["job", "cancel", "--yes", "--expected-count", "3"] + all)
            #expect(done.status == 0 && done.json["changed"].int == 3, "\(done.errors)")
            let left = try await stack.martlet("job", "list", "--state", "queued", "-o", "json")
            #expect(Self.ids(left) == ["b"])
            let table = try await stack.martlet("job", "retry", "--all-matching", "--tag", "blue", "--yes")
            #expect(table.status == 0 && table.output.contains("changed") && !table.output.contains("{"))
            let set = try await stack.martlet(
                "job", "priority", "--all-matching", "--tag", "blue", "--to", "7", "--yes")
            #expect(set.status == 0, "\(set.errors)")
            #expect(try await stack.get("/api/v1/jobs/a1")["priority"].int == 7)
        }
    }

    @Test(arguments: [
        ["job", "cancel"], ["job", "cancel", "--all-matching", "--yes"],
        ["job", "cancel", "a", "--all-matching", "--tag", "x", "--yes"], ["job", "cancel", "a", "--tag", "x"],
        ["job", "cancel", "a", "--dry-run"], ["job", "retry", "a", "--expected-count", "1"],
    ])
    func `ids and filters are not mixed, and all jobs are never meant by nothing`(line: [String]) {
        #expect(throws: (any Error).self) { try MartletCommand.parseAsRoot(line) }
    }

    @Test func `a job is cloned with changes, and one that waits gets another payload`() async throws {
        try await TestStack.with(Self.content) { stack in
            try await stack.serve()
            try await Self.push(stack, "a", tag: "blue", #"{"n":1}"#)
            let clone = try await stack.martlet(
                "job", "clone", "a", "-d", #"{"n":2}"#, "--priority", "3", "--new-id", "c", "-o", "json")
            #expect(clone.status == 0 && clone.json["id"].string == "c", "\(clone.errors)")
            #expect(clone.json["payload"]["n"].int == 2 && clone.json["priority"].int == 3)
            #expect(clone.json["tags"].line == #"["blue"]"# && clone.json["queue"].string == "q")
            let edited = try await stack.martlet("job", "edit", "a", "-d", "7", "-o", "json")
            #expect(edited.status == 0 && edited.json["payload"].int == 7, "\(edited.errors)")
            #expect(try await stack.martlet("job", "clone", "none").status == 5)
        }
    }

    @Test(
        arguments: [
            ("2h", "1999-12-31T22:00:00.000Z"), ("0", "2000-01-01T00:00:00.000Z"),
            ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"), ("yesterday", nil), ("-2h", nil), ("1e99", nil),
        ] as [(String, String?)])
    func `a time is RFC 3339 or how long ago it was`(argument: String, text: String?) {
        let now = Date(timeIntervalSince1970: 946_684_800)
        #expect(PastMoment(argument, now: now)?.text == text)
    }
}
