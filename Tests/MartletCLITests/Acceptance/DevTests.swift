// `martlet dev`: one process for each directory, files for nobody else, and a word for whoever presses Ctrl-C.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletRedis
import TestSupport
import Testing

@testable import MartletCLI

/// A running `martlet dev`.
private final class Dev: Sendable {
    let process: Subprocess
    let base: String
    private let log: String

    /// Starts it and waits until it has said where it listens.
    init(_ scratch: String, _ arguments: String..., environment: [String: String] = [:]) async throws {
        let port = try await LoopbackPort.free()
        base = "http://127.0.0.1:\(port)"
        log = "\(scratch)/dev-\(port)"
        process = try Subprocess(
            Program.path, ["dev", "--http-port", String(port)] + arguments,
            environment: Subprocess.plainEnvironment.merging(environment) { $1 }, output: log + ".out",
            errors: log + ".err")
        let end = ContinuousClock.now + .seconds(45)
        while !output.contains("Ctrl-C"), process.status == nil, ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    var output: String { TestStack.text(log + ".out") }
    var errors: String { TestStack.text(log + ".err") }

    func until(_ what: String, _ condition: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(45)
        while !condition() {
            try #require(ContinuousClock.now < end, "not in time: \(what); \(errors)")
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

@Suite(.serialized) struct DevTests {
    private func rights(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let mode = attributes[.posixPermissions]
        return ((mode as? UInt16).map { Int($0) } ?? (mode as? Int) ?? 0) & 0o777
    }

    @Test func `a directory is used by one process at a time, and again after it`() async throws {
        let scratch = temporaryDirectory("dev")
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let data = scratch + "/data"
        let first = try await Dev(scratch, "--data", data)
        try #require(first.process.status == nil, "\(first.errors)")
        let second = try await Dev(scratch, "--data", data)
        #expect(await second.process.wait(within: .seconds(60)) == 1)
        #expect(second.errors.contains("\(data) is in use by process \(first.process.processID)"), "\(second.errors)")
        #expect(first.process.status == nil, "the first goes on")
        await first.process.stop(within: .seconds(60))
        #expect(first.errors.contains("Stopped. Everything is kept in \(data)."))
        let third = try await Dev(scratch, "--data", data)
        #expect(third.process.status == nil, "\(third.errors)")
        await third.process.stop()
    }

    @Test func `the files of Redis are private, also in an existing directory`() async throws {
        let scratch = temporaryDirectory("dev")
        let data = scratch + "/data"
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let files = FileManager.default
        try files.createDirectory(atPath: data + "/redis/old", withIntermediateDirectories: true)
        for path in [data, data + "/redis", data + "/redis/old"] {
            try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        try Data("x".utf8).write(to: URL(filePath: data + "/redis/old/file"))
        try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: data + "/redis/old/file")
        let dev = try await Dev(scratch, "--data", data)
        try #require(dev.process.status == nil, "\(dev.errors)")
        #expect(try rights(data) == 0o755, "the user's own directory stays as it is")
        #expect(try rights(data + "/redis") == 0o700)
        let inner = try files.subpathsOfDirectory(atPath: data + "/redis")
        #expect(inner.contains { $0.contains("appendonly") }, "\(inner)")
        for path in inner { #expect(try rights("\(data)/redis/\(path)") & 0o077 == 0, "\(path)") }
        await dev.process.stop()
    }

    @Test func `Ctrl-C prints what is waited for, and a second one ends it at once`() async throws {
        let content = OriginContent(
            files: [OriginFile(name: "slow.bin", size: 64 << 20, seed: 1)], bytesPerSecond: 1 << 20)
        let origin = try await OriginServer.start(content)
        let scratch = temporaryDirectory("dev")
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        let dev = try await Dev(
            scratch,
            environment: [
                "DOWNLOAD__ALLOW_PRIVATE_ADDRESSES": "true", "WORKER_SHUTDOWN_GRACE_SECONDS": "60",
            ])
        try #require(dev.process.status == nil, "\(dev.errors)")
        let line = try #require(dev.output.split(separator: "\n").first { $0.hasPrefix("files") })
        let directory = String(line.dropFirst(11).dropLast("/downloads".count))
        let url = origin.url(of: "slow.bin")
        try await APIClient.with(dev.base, token: nil) { client in
            let id = try await client.post("/api/downloads", body: .object(["url": .string(url)]))["id"].string ?? ""
            let end = ContinuousClock.now + .seconds(45)
            while try await client.get("/api/downloads/\(id)")["status"].string != "downloading" {
                try #require(ContinuousClock.now < end)
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        // Active before the worker knows; one that is stopped earlier runs nothing.
        try await dev.until("bytes arrive") { !origin.servings.isEmpty }
        dev.process.send(2)
        try await dev.until("it says so") { dev.errors.contains("Press Ctrl-C again to stop at once.") }
        #expect(dev.errors.contains("Stopping. 1 running job has 1m 0s to finish"), "\(dev.errors)")
        #expect(dev.process.status == nil)
        // A signal within a moment of the first one belongs to it, so it is sent until it counts.
        try await dev.until("it ends at once") {
            dev.process.send(2)
            return dev.process.status != nil
        }
        #expect(dev.process.status == Int32(128 + 2))
        #expect(!FileManager.default.fileExists(atPath: directory), "nothing is left behind")
        await origin.stop()
    }
}
