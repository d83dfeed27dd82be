// Wrong values of options and arguments: usage errors that name the option, before anything is sent.

import ArgumentParser
import FoundationEssentials
import MartletJSON
import TestSupport
import Testing

@testable import MartletCLI

/// A command line with one wrong value, and how its message names what is wrong.
private struct WrongValue: CustomTestStringConvertible, Sendable {
    let line: [String]
    let name: String

    var testDescription: String { line.joined(separator: " ").debugDescription }

    /// The words of a command line, and the wrong value behind them.
    init(_ line: String, _ name: String, _ value: String? = nil) {
        self.line = line.split(separator: " ").map(String.init) + [value].compactMap(\.self)
        self.name = name
    }
}

private let long = String(repeating: "x", count: 600)
private let jobVerbs = ["cancel --yes", "pause", "resume", "retry", "run", "priority --to 1", "delete --yes"]

/// Wrong values of the filters of jobs.
private let wrongFilters = [
    ("--state", "nonsense"), ("--tag", "a\nb"), ("--unique-key", ""), ("--created-after", "yesterday"),
    ("--created-before", "2026-13-01T00:00:00Z"), ("--error", "ABC"), ("--search", ""), ("--search", long),
    ("--payload", "a"), ("--payload", "a..b=1"), ("--payload", "a=" + long),
]

private let wrongValues: [WrongValue] =
    [
        WrongValue("enqueue", "<type>", "a\u{202E}b"), WrongValue("enqueue", "<type>", "download"),
        WrongValue("enqueue", "<type>", ""), WrongValue("enqueue", "<type>", long),
        WrongValue("enqueue t --queue", "--queue", "Mail"), WrongValue("enqueue t --queue downloads", "--queue"),
        WrongValue("enqueue t --queue", "--queue", ""), WrongValue("enqueue t --priority 1001", "--priority"),
        WrongValue("enqueue t --priority -1001", "--priority"), WrongValue("enqueue t --priority 1e9", "--priority"),
        WrongValue("enqueue t --priority 99999999999999999999", "--priority"),
        WrongValue("enqueue t --priority high", "--priority"), WrongValue("enqueue t --priority 1.5", "--priority"),
        WrongValue("enqueue t --delay 366d", "--delay"), WrongValue("enqueue t --run-at tomorrow", "--run-at"),
        WrongValue("enqueue t --run-at 9000-01-01T00:00:00Z", "--run-at"),
        WrongValue("enqueue t --max-retries 101", "--max-retries"),
        WrongValue("enqueue t --max-retries -1", "--max-retries"),
        WrongValue("enqueue t --backoff factor=0.5", "--backoff"),
        WrongValue("enqueue t --backoff base=366d", "--backoff"), WrongValue("enqueue t --backoff", "--backoff", "x"),
        WrongValue("enqueue t --timeout 0", "--timeout"), WrongValue("enqueue t --timeout 366d", "--timeout"),
        WrongValue("enqueue t --id bulk", "--id"), WrongValue("enqueue t --id", "--id", "a b"),
        WrongValue("enqueue t --id ..", "--id"), WrongValue("enqueue t --idempotency-key", "--idempotency-key", "ü"),
        WrongValue("enqueue t --idempotency-key", "--idempotency-key", ""),
        WrongValue("enqueue t --unique-key", "--unique-key", ""),
        WrongValue("enqueue t --traceparent 00-0", "--traceparent"),
        WrongValue("enqueue t --tracestate", "--tracestate", "ü"),
        WrongValue("enqueue t --unique-key", "--unique-key", long), WrongValue("enqueue t --tag", "--tag", "a\nb"),
        WrongValue("enqueue t --tag", "--tag", ""),
        WrongValue("enqueue t " + (0..<17).map { "--tag t\($0)" }.joined(separator: " "), "--tag"),
        WrongValue("enqueue t --limit host", "--limit"), WrongValue("enqueue t --limit type:t", "--limit"),
        WrongValue("enqueue t --limit host:a=0", "--limit"), WrongValue("enqueue t --limit host:a=1001", "--limit"),
        WrongValue("enqueue t --limit a:1 --limit a:1", "--limit"), WrongValue("job clone a --limit A:1", "--limit"),
        WrongValue("enqueue t --durability disk", "--durability"),
        WrongValue("job list --queue Mail", "--queue"), WrongValue("job list --state nonsense", "--state"),
        WrongValue("job list --state queued,nonsense", "--state"), WrongValue("job list --limit 0", "--limit"),
        WrongValue("job list --limit -1", "--limit"), WrongValue("job list --limit many", "--limit"),
        WrongValue("job list --cursor x", "--cursor"), WrongValue("job get", "<id>", "a b"),
        WrongValue("job get bulk", "<id>"), WrongValue("job get a --queue Mail", "--queue"),
        WrongValue("job get a --wait-seconds 0", "--wait-seconds"), WrongValue("job priority a --to 1001", "--to"),
        WrongValue("job clone", "<id>", "a b"), WrongValue("job clone a --queue Mail", "--queue"),
        WrongValue("job clone a --to-queue Mail", "--to-queue"), WrongValue("job clone a --priority x", "--priority"),
        WrongValue("job clone a --delay 366d", "--delay"), WrongValue("job clone a --max-retries 101", "--max-retries"),
        WrongValue("job clone a --timeout 0", "--timeout"), WrongValue("job clone a --new-id bulk", "--new-id"),
        WrongValue("job clone a --idempotency-key", "--idempotency-key", ""),
        WrongValue("job clone a --unique-key", "--unique-key", ""), WrongValue("job clone a --tag", "--tag", ""),
        WrongValue("job edit -d 1", "<id>", "a b"), WrongValue("job edit a -d 1 --queue Mail", "--queue"),
        WrongValue("download add ftp://files.example/a", "<sources>"), WrongValue("download add", "<sources>", "a b"),
        WrongValue("download add http://h/ --filename ../a", "--filename"),
        WrongValue("download add http://h/ --priority 1001", "--priority"),
        WrongValue("download add http://h/ --checksum md5:1", "--checksum"),
        WrongValue("download add http://h/ --max-bytes 0", "--max-bytes"),
        WrongValue("download add http://h/ --delay 366d", "--delay"),
        WrongValue("download add http://h/ --timeout 0.5", "--timeout"),
        WrongValue("download add http://h/ --max-retries 101", "--max-retries"),
        WrongValue("download add http://h/ --on-conflict keep", "--on-conflict"),
        WrongValue("download add http://h/ --idempotency-key", "--idempotency-key", ""),
        WrongValue("download add http://h/ --durability disk", "--durability"),
        WrongValue("download list --status nonsense", "--status"), WrongValue("download list --cursor x", "--cursor"),
        WrongValue("download status", "<id>", "a b"), WrongValue("download pause", "<ids>", "a b"),
        WrongValue("download resume a", "<ids>", "a b"), WrongValue("download cancel --yes", "<ids>", "a b"),
        WrongValue("download retry", "<ids>", "a b"), WrongValue("download retry a --filename a/b", "--filename"),
        WrongValue("download retry a --on-conflict keep", "--on-conflict"),
        WrongValue("download priority --to 1", "<ids>", "a b"), WrongValue("download priority a --to 1001", "--to"),
        WrongValue("queue get Mail", "<name>"), WrongValue("queue pause Mail", "<name>"),
        WrongValue("queue explain Mail", "<name>"), WrongValue("job explain", "<id>", "a b"),
        WrongValue("job explain a --queue Mail", "--queue"),
        WrongValue("queue pause mail --reason", "--reason", long), WrongValue("queue resume Mail", "<name>"),
        WrongValue("queue drain Mail --yes", "<name>"), WrongValue("queue delete Mail --yes", "<name>"),
        WrongValue("queue set Mail --concurrency 1", "<name>"),
        WrongValue("queue set mail --concurrency -1", "--concurrency"),
        WrongValue("queue set mail --lease 1s", "--lease"), WrongValue("queue set mail --ageing 99999d", "--ageing"),
        WrongValue("queue set mail --durability disk", "--durability"),
        WrongValue("limit list Mail", "<name>"), WrongValue("limit list mail --cursor x", "--cursor"),
        WrongValue("limit get Mail host:a", "<name>"), WrongValue("limit set Mail host:a --concurrency 1", "<name>"),
        WrongValue("limit remove Mail host:a", "<name>"), WrongValue("limit pause Mail host:a", "<name>"),
        WrongValue("limit resume Mail host:a", "<name>"), WrongValue("limit reset Mail host:a", "<name>"),
        WrongValue("limit get mail host", "<key>"),
        WrongValue("limit set mail --concurrency 1", "<key>", "host: a"),
        WrongValue("limit set mail host:a --concurrency -1", "--concurrency"),
        WrongValue("limit set mail host:a --concurrency 1000001", "--concurrency"),
        WrongValue("limit set mail host:a --rate 0/1m", "--rate"),
        WrongValue("limit set mail host:a --rate 9", "--rate"),
        WrongValue("limit set mail host:a --rate 9/0s", "--rate"),
        WrongValue("limit set mail host:a --rate 9/1s --burst 0", "--burst"),
        WrongValue("limit set mail host:a --concurrency 1 --override --for 366d", "--for"),
        WrongValue("limit set mail host:a --concurrency 1 --override --until tomorrow", "--until"),
        WrongValue("limit remove mail Host:a", "<key>"), WrongValue("limit pause mail Host:a", "<key>"),
        WrongValue("limit pause mail host:a --reason", "--reason", long),
        WrongValue("limit pause mail host:a --for 0s", "--for"),
        WrongValue("limit pause mail host:a --until tomorrow", "--until"),
        WrongValue("limit resume mail Host:a", "<key>"), WrongValue("limit reset mail Host:a", "<key>"),
        WrongValue("pause --reason", "--reason", long), WrongValue("events --queue Mail", "--queue"),
        WrongValue("events --job", "--job", "a b"), WrongValue("events --kinds nonsense", "--kinds"),
        WrongValue("events --since yesterday", "--since"), WrongValue("audit --queue Mail", "--queue"),
        WrongValue("audit-log --queue Mail", "--queue"), WrongValue("audit-log --job", "--job", "a b"),
        WrongValue("audit-log --from yesterday", "--from"), WrongValue("audit-log --to tomorrow", "--to"),
        WrongValue("audit-log --limit 0", "--limit"), WrongValue("audit-log --cursor x", "--cursor"),
        WrongValue("queue history Mail", "<name>"), WrongValue("queue history mail --step 0", "--step"),
        WrongValue("queue history mail --from yesterday", "--from"),
        WrongValue("queue history mail --to tomorrow", "--to"),
        WrongValue("errors list --queue Mail", "--queue"), WrongValue("errors list --cursor x", "--cursor"),
        WrongValue("errors retry ABC --yes", "<fingerprint>"), WrongValue("errors delete ABC --yes", "<fingerprint>"),
        WrongValue("errors retry 0123456789ab --queue Mail", "--queue"),
        WrongValue("errors delete 0123456789ab --queue Mail", "--queue"),
        WrongValue("errors retry 0123456789ab --expected-count -1", "--expected-count"),
        WrongValue("errors delete 0123456789ab --expected-count -1", "--expected-count"),
        WrongValue("top --queue Mail", "--queue"), WrongValue("top --view all", "--view"),
    ]
    + wrongJobs + wrongRetention

/// Wrong values of the verbs of jobs, and of filters.
private let wrongJobs: [WrongValue] = {
    var values: [WrongValue] = []
    for verb in jobVerbs {
        values.append(WrongValue("job \(verb)", "<ids>", "a b"))
        values.append(WrongValue("job \(verb) a --queue Mail", "--queue"))
        values.append(WrongValue("job \(verb) --all-matching --expected-count -1", "--expected-count"))
    }
    for (option, value) in wrongFilters {
        values.append(WrongValue("job list \(option)", option, value))
        for verb in jobVerbs { values.append(WrongValue("job \(verb) --all-matching \(option)", option, value)) }
    }
    return values
}()

/// Wrong values of what a queue keeps.
private let wrongRetention: [WrongValue] = ["completed", "failed", "cancelled"].flatMap { state in
    [
        WrongValue("queue set mail --\(state)-age 366d", "--\(state)-age"),
        WrongValue("queue set mail --\(state)-count -1", "--\(state)-count"),
    ]
}

@Suite struct FlagValueTests {
    @Test(arguments: wrongValues)
    fileprivate func `a wrong value is a usage error that names its option`(_ wrong: WrongValue) throws {
        let error = #expect(throws: (any Error).self) { try MartletCommand.parseAsRoot(wrong.line) }
        guard let error else { return }
        #expect(MartletCommand.exitCode(for: error) == .validationFailure)
        let message = MartletCommand.message(for: error)
        #expect(message.contains(wrong.name), "\(message)")
        #expect(!message.contains("?") && !message.contains("#/"), "the words of the API: \(message)")
    }

    /// Values that no rule limits, or that are read later: files, JSON, the server and its credentials.
    private static let free: Set<String> = [
        "--server", "--token", "--token-file", "--ca-file", "--output", "--data", "--metadata", "--from", "--type",
        "--who",
        "--action",
    ]

    @Test func `every value of a command that asks the server is refused when it is wrong`() {
        var missing: [String] = []
        func walk(_ command: JSONValue, _ path: [String]) {
            let arguments = command["arguments"].array ?? []
            let isClient = arguments.contains { Self.names(of: $0).contains("--server") }
            for argument in arguments where isClient && argument["kind"].string != "flag" {
                let names = Self.names(of: argument)
                let isKnown = wrongValues.contains {
                    Array($0.line.prefix(path.count)) == path && names.contains($0.name)
                }
                // Shared options have the same rule in each command.
                let isShared = names.contains { ["--limit", "--wait-seconds"].contains($0) }
                if !isKnown, !isShared, Self.free.isDisjoint(with: names) { missing.append("\(path) \(names)") }
            }
            for inner in command["subcommands"].array ?? [] { walk(inner, path + [inner["commandName"].string ?? ""]) }
        }
        walk(CommandReference.tool["command"], [])
        #expect(missing.isEmpty, "without a wrong value in the table: \(missing)")
    }

    private static func names(of argument: JSONValue) -> [String] {
        guard argument["kind"].string != "positional" else { return ["<\(argument["valueName"].string ?? "")>"] }
        return (argument["names"].array ?? []).map {
            ($0["kind"].string == "long" ? "--" : "-") + ($0["name"].string ?? "")
        }
    }

    @Test(arguments: [
        "enqueue t --priority -1000 --max-retries 100 --delay 365d --timeout 1ms --id a --tag ü --tag b -d 5",
        "enqueue t --limit host:ü --limit tenant:7=1000 --limit a:b=c=2",
        "enqueue t --queue mail --run-at 2026-01-31T12:00:00+01:00 --backoff base=0,factor=1000,cap=365d,jitter=1",
        "enqueue t --idempotency-key k --unique-key ü --durability fsync --wait --wait-seconds 365d",
        "job list --queue mail --state queued,active --limit 1000 --cursor mail! --type ü",
        "job list --tag ü --unique-key ü --created-after 2h --created-before 2026-01-31T12:00:00.5+01:00 --search ü",
        "job list --error 0123456789ab --payload a.0.b=1 --payload c=",
        "job cancel a b --yes --queue mail", "job priority a --to -1000", "download list --status pending --limit 1",
        "download add http://127.0.0.1/a https://h/b --priority 1000 --max-retries 0 --max-bytes 1",
        "download add http://h/a --filename b.flac --on-conflict replace --timeout 1 --delay 0", "download pause --all",
        "queue set mail --concurrency 0 --lease 15m --ageing 0 --completed-age 0 --completed-count 0",
        "queue pause mail --reason why", "events --queue ma*,b --job a,b --kinds completed,queue.paused --since 0",
    ])
    func `a value at the edge of its range is taken`(line: String) throws {
        let words = line.split(separator: " ").map(String.init)
        #expect(throws: Never.self) { try MartletCommand.parseAsRoot(words) }
    }

    /// Values that stand in files are checked as well before the server is asked: here there is none.
    @Test func `wrong values of files and metadata end with the usage code`() async throws {
        let directory = temporaryDirectory("values")
        let list = directory + "/list.txt"
        try Data("http://files.example/a\nftp://files.example/b\n".utf8).write(to: URL(filePath: list))
        for (words, name) in [
            (["enqueue", "t", "--metadata", "5"], "--metadata"),
            (["enqueue", "t", "--tracestate", "a=1"], "--traceparent"),
            (["enqueue", "t", "--data", "\"\(String(repeating: "x", count: 16 << 20))\""], "--data"),
            (["download", "add", "--from", list], "--from"),
        ] {
            let input = directory + "/\(words[0])\(words[2]).json"
            var words = words
            if words[3].utf8.count > 1000 {
                try Data(words[3].utf8).write(to: URL(filePath: input))
                words[3] = "@" + input
            }
            let result = try await CommandResult.of(
                Program.path, words, environment: ["MARTLET_SERVER": "http://127.0.0.1:1"], in: directory)
            #expect(result.status == 64, "\(name): \(result.errors.prefix(500))")
            #expect(result.errors.contains(name), "\(result.errors.prefix(500))")
        }
    }
}
