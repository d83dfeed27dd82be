// Runs the shell commands of the README and the guides against a real installation.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@testable import MartletCLI

private let content = OriginContent(
    files: ["a.flac", "b.flac", "c.flac"].enumerated().map { OriginFile(name: $1, size: 2000, seed: UInt64($0)) },
    bytesPerSecond: 1 << 30)

/// What a command of a guide needs before it can be run here, or why it is not run.
private enum CommandHandling {
    case run
    case skip(String)
}

/// Commands that are not run, by how they begin, each with the reason.
private let skipped: [(prefix: String, reason: String)] = [
    ("scripts/", "builds the package; runs in continuous integration or takes minutes"),
    ("MARTLET_", "starts tests or containers"),
    ("docker ", "needs a container engine"),
    ("systemctl ", "needs systemd"),
    ("apt-get ", "changes the machine"),
    ("swift ", "builds a package"),
    ("REDIS_URL=", "builds and runs a package; SignalTests run this program"),
    ("HTTP_", "starts a server; TLSCommandTests, SocketTests and PathPrefixTests do so"),
    ("martlet serve", "runs until it is stopped; every test of this suite runs it"),
    ("martlet work ", "runs until it is stopped; every test of this suite runs it"),
    ("martlet dev", "runs until it is stopped; DevTests run it"),
    ("martlet events -f", "runs until it is stopped; EventsTests run it"),
    ("npx ", "needs packages of another registry"),
    ("pip ", "needs packages of another registry"),
    ("martlet-bench", "takes minutes; BenchCommandTests run it"),
]

private func treatment(of command: String) -> CommandHandling {
    if command.contains("/run/martlet/") { return .skip("needs the folder of a service; SocketTests use their own") }
    if command == "martlet top" { return .skip("needs a terminal; TopTests run it") }
    guard let rule = skipped.first(where: { (command + " ").hasPrefix($0.prefix) }) else { return .run }
    return .skip(rule.reason)
}

/// The commands of a block: comments taken away, continued lines joined.
private func commands(of block: GuideBlock) -> [String] {
    var found: [String] = []
    var open = ""
    for line in block.lines {
        let text = line.firstRange(of: " #").map { String(line[..<$0.lowerBound]) } ?? line
        let trimmed = text.trimmingPrefix { $0 == " " }
        guard !trimmed.hasPrefix("#") else { continue }
        open += open.isEmpty ? String(trimmed) : " " + trimmed
        while open.last == " " { open.removeLast() }
        if open.last == "\\" {
            open.removeLast()
        } else if !open.isEmpty {
            found.append(open)
            open = ""
        }
    }
    return found
}

@Suite(.serialized) struct GuideCommandTests {
    @Test func `every command of the README and the guides works as it is written`() async throws {
        let blocks = try Guides.blocks(in: "sh")
        try #require(blocks.count >= 8, "the guides are not where they were")
        try await TestStack.with(content) { stack in
            try await stack.serve()
            try stack.work(["WORKER_QUEUES": "downloads=10"])
            let shell = try GuideShell(stack)
            var ran = 0
            for block in blocks {
                // Each block begins as for a new reader: nothing is paused, no file is there, and the queues that it
                // names are.
                for queue in ["default", "old"] {
                    _ = try await stack.put("/api/v1/queues/\(queue)", .object([:]))
                }
                _ = try await stack.post("/api/downloads/resume")
                try? FileManager.default.removeItem(atPath: stack.filesDirectory)
                try FileManager.default.createDirectory(
                    atPath: stack.filesDirectory, withIntermediateDirectories: true)
                for command in commands(of: block) {
                    guard case .run = treatment(of: command) else { continue }
                    let result = try await shell.run(command)
                    ran += 1
                    #expect(result.status == 0, "\(block): \(command)\n\(result.output)\(result.errors)")
                }
            }
            #expect(ran >= 25, "only \(ran) commands ran")
        }
    }
}

/// A shell in which the commands of a guide find what they name.
private struct GuideShell {
    let stack: TestStack
    let directory: String

    init(_ stack: TestStack) throws {
        self.stack = stack
        directory = stack.directory + "/shell"
        let programs = directory + "/bin"
        try FileManager.default.createDirectory(atPath: programs, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: programs + "/martlet", withDestinationPath: Program.path)
        // An answer that is no success must end curl with an error.
        try write("fail\n", to: directory + "/.curlrc")
        // Guides write `redis-cli` for the Redis at its usual address.
        let ours = "#!/bin/sh\nexec /usr/bin/redis-cli -s \(stack.redis.socketPath) \"$@\"\n"
        try write(ours, to: programs + "/redis-cli")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: programs + "/redis-cli")
    }

    private func write(_ text: String, to path: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
    }

    /// Runs a command in which addresses, directories and ids stand for those of this installation.
    func run(_ command: String) async throws -> CommandResult {
        let text = try await filledIn(command)
        var environment = stack.environment
        environment["PATH"] = "\(directory)/bin:/usr/local/bin:/usr/bin:/bin"
        environment["CURL_HOME"] = directory
        return try await CommandResult.of(
            "/bin/bash", ["-c", "cd \(directory) && \(text)"], environment: environment, in: directory)
    }

    private func filledIn(_ command: String) async throws -> String {
        var text = command.replacing("localhost:8080", with: stack.serverURL.dropFirst("http://".count))
        text = text.replacing("/var/lib/martlet", with: directory)
        text = text.replacing("https://example.com/", with: stack.origin.url(of: ""))
        guard text.contains("ID") else { return text }
        for name in ["ID1", "ID2", "ID"] where text.contains(name) {
            text = text.replacing(name, with: try await job(for: command))
        }
        return text
    }

    /// A new job in the state that the command is for.
    private func job(for command: String) async throws -> String {
        let isDownload = command.contains("download")
        if isDownload {
            // Far in the future, so that the worker leaves it alone.
            let body = JSONValue.object([
                "url": .string(stack.origin.url(of: "a.flac")), "filename": .string(UUID().uuidString),
                "delay_seconds": .integer(3600),
            ])
            let id = try #require(try await stack.post("/api/downloads", body)["id"].string)
            if command.contains("resume") { _ = try await stack.post("/api/downloads/\(id)/pause") }
            if command.contains("retry") { _ = try await stack.post("/api/downloads/\(id)/cancel") }
            return id
        }
        let answer = try await stack.post("/api/v1/jobs", .object(["type": .string("greet")]))
        let id = try #require(answer["id"].string)
        if command.contains("resume") { _ = try await stack.post("/api/v1/jobs/\(id)/pause") }
        // Ended, so that it can be retried and a wait for it returns at once.
        if command.contains("retry") || command.contains("wait=") {
            _ = try await stack.post("/api/v1/jobs/\(id)/cancel")
        }
        return id
    }
}
