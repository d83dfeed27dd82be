// The library of functions: how it is made, loaded, shared between versions, and removed when nobody uses it.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct LibraryTests {
    private func text(_ file: ScriptFile) -> String { String(decoding: file.source, as: UTF8.self) }

    @Test func `each file says which files it uses, and they stand before it`() throws {
        var definers: [Substring: ScriptFile] = [:]
        for file in ScriptFile.allCases {
            let line = try #require(text(file).split(separator: "\n").first { $0.hasPrefix("-- needs: ") }, "\(file)")
            let needs = Set(line.dropFirst("-- needs: ".count).split(separator: " ").map(String.init))
            // Without comments and texts, in which any word may stand.
            let code = text(file).replacing(/--.*/, with: "").replacing(/'[^'\n]*'/, with: "")
            for match in code.matches(of: /(?:^|[^\w.])([A-Za-z_]\w*)/) {
                guard let definer = definers[match.output.1] else { continue }
                #expect(needs.contains(definer.rawValue), "\(file) uses \(match.output.1) of \(definer)")
            }
            let given = text(file).firstMatch(of: /\n-- gives:([\w ]*)\n/)
            let definitions =
                given.map { [$0.output.1] } ?? code.matches(of: /\nlocal (?:function )?([\w, ]+)/).map(\.output.1)
            for names in definitions where !file.definesFunction {
                for name in names.split(whereSeparator: { ", ".contains($0) }) { definers[name] = file }
            }
        }
    }

    @Test func `luacheck knows the names of the generated part`() throws {
        let settings = try String(contentsOf: Guides.root.appending(path: ".luacheckrc"), encoding: .utf8)
        var defined: Set<Substring> = []
        for match in Schema.lua.matches(of: /(?:^|\n)local ([A-Z_, ]+) =/) {
            defined.formUnion(match.output.1.split(whereSeparator: { ", ".contains($0) }))
        }
        #expect(Set(settings.matches(of: /"([A-Z_]+)"/).map(\.output.1)) == defined)
    }

    @Test func `the library carries its digest, and comments and anchors are no part of it`() {
        let library = ScriptTable.shipped.library
        let source = String(decoding: library.source, as: UTF8.self)
        #expect(source.hasPrefix("#!lua name=\(library.name)\n"))
        #expect(!source.contains("--"))
        for script in QueueScript.allCases {
            let function = ScriptTable.shipped[script]
            #expect(function.name == "\(library.name)_\(script.name)")
            #expect(source.contains("function_name = '\(function.name)'"))
        }
        let other = ScriptTable { $0 == .wake ? $0.source + Array("-- more\nlocal more = 1\n".utf8) : $0.source }
        #expect(other.library.name != library.name)
        let commented = ScriptTable { $0 == .wake ? $0.source + Array("-- more\n".utf8) : $0.source }
        #expect(commented.library.name == library.name)
    }

    @Test func `a fresh process drains a full Redis that does not know the library`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory(), options: ["--maxmemory-policy", "noeviction"])
        try await withStore(url: server.url) { harness in
            _ = try await harness.queue().enqueue((0..<20).map { _ in job() })
            try await harness.command("FUNCTION", "FLUSH")
            try await harness.command("CONFIG", "SET", "maxmemory", "1")
            let fresh = JobStore(
                redis: try .ofTests(url: server.url), prefix: harness.prefix, logger: noLogger)
            let running = Task { try await fresh.run() }
            defer { running.cancel() }
            try await fresh.waitUntilConnected(within: .seconds(30))
            let queue = fresh.queue(harness.queue().name)
            let claimed = try await queue.claim(ClaimRequest(worker: "w", number: 1, upTo: 20)).jobs
            #expect(claimed.count == 20)
            _ = try await queue.heartbeat(worker: "w", claimed.map { Heartbeat(id: $0.id, token: $0.token) })
            let verdicts = try await queue.settle(claimed.map(\.completion)).verdicts
            #expect(verdicts.allSatisfy { $0 == .settled(.completed) })
            #expect(try await queue.sweep().more == false)
            let error = await #expect(throws: QueueError.self) { try await queue.enqueue(job()) }
            #expect(error?.kind == .notExecuted(.full))
            try await harness.command("CONFIG", "SET", "maxmemory", "0")
        }
        await server.stop()
    }

    @Test func `libraries that nobody has used for a day are removed, and nothing else`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory())
        try await withStore(url: server.url) { harness in
            let store = harness.store
            _ = try await harness.queue().enqueue(job())
            for name in ["martlet_000000000001", "martlet_000000000002", "martlet_notours00000", "other"] {
                try await harness.command(
                    "FUNCTION", "LOAD",
                    "#!lua name=\(name)\nredis.register_function('\(name)_f', function() return 1 end)")
            }
            #expect(try await store.tidyLibraries().isEmpty, "what is first seen now has a day left")
            let key = store.librariesKey
            try await harness.command("HSET", key, "martlet_000000000001", "1000", "martlet_000000000003", "1000")
            let removed = try await store.tidyLibraries()
            // On scripts nothing is kept nor removed.
            if store.redis.scriptReason != nil { return #expect(removed.isEmpty) }
            #expect(removed == ["martlet_000000000001"])
            let left = try await harness.command("FUNCTION", "LIST").array ?? []
            #expect(
                left.compactMap { $0.array?.dropFirst().first?.string }.sorted()
                    == [
                        store.scripts.library.name, "martlet_000000000002", "martlet_notours00000", "other",
                    ].sorted())
            let noted = Queue.words(try await harness.command("HGETALL", key).array ?? [])
            #expect(Set(noted.keys) == [store.scripts.library.name, "martlet_000000000002"])
        }
        await server.stop()
    }

    @Test func `a library that another prefix has removed is loaded again`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory())
        try await withStore(url: server.url) { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            _ = try? await harness.command("FUNCTION", "DELETE", harness.store.scripts.library.name)
            _ = try await queue.enqueue((0..<3).map { _ in job() })
            #expect(try await harness.claim(4, from: queue).count == 4)
        }
        await server.stop()
    }

    /// The scripts of a later version: a further setting in the plan, a further field of a job, another digest.
    private static let later = ScriptTable { file in
        let text = String(decoding: file.source, as: UTF8.self)
        let changed =
            switch file {
            case .plan: text.replacing("concat(words, ' ')", with: "concat(words, ' ') .. ' later=1'")
            case .enqueue: text.replacing("'p', args[at])", with: "'p', args[at], 'later', 'yes')")
            default: text
            }
        return Array(changed.utf8)
    }

    @Test func `two versions that share a queue lose nothing and refuse nothing`() async throws {
        try await withStore { harness in
            let store = JobStore(
                redis: try .ofTests(url: try await SharedRedis.url()), prefix: harness.prefix, scripts: Self.later,
                logger: noLogger)
            let running = Task { try await store.run() }
            defer { running.cancel() }
            try await store.waitUntilConnected(within: .seconds(30))
            let versions = [harness.queue(), store.queue(harness.queue().name)]
            try await versions[1].configure(QueueSettingsChange(limit: 40))
            let jobs = 600
            let done = try await withThrowingTaskGroup(of: Int.self) { group in
                for (number, queue) in versions.enumerated() {
                    group.addTask {
                        for index in 0..<jobs / 2 {
                            var new = job(priority: index % 3)
                            if index.isMultiple(of: 5) { new.uniqueKey = "\(number)-\(index)" }
                            guard try await queue.enqueue(new) == .created(.queued) else { return -jobs }
                        }
                        return 0
                    }
                    group.addTask { try await Self.work(queue, as: "w\(number)", upTo: jobs) }
                }
                return try await group.reduce(0, +)
            }
            #expect(done == jobs)
            let status = try #require(try await versions[0].status())
            #expect(status.completedEver == jobs && status.jobs[.active] == 0 && status.repairedEver == 0)
            #expect(try await harness.command("HGET", harness.key("meta"), "plan").string?.contains("later=1") == true)
        }
    }

    /// Claims and settles until all jobs of the queue are done; how many were settled here.
    private static func work(_ queue: Queue, as worker: String, upTo all: Int) async throws -> Int {
        var (number, settled) = (0, 0)
        let end = ContinuousClock.now + .seconds(300)
        while try await queue.status()?.completedEver ?? 0 < all, ContinuousClock.now < end {
            number += 1
            let claimed = try await queue.claim(ClaimRequest(worker: worker, number: number, upTo: 10)).jobs
            let verdicts = try await queue.settle(claimed.map(\.completion)).verdicts
            settled += verdicts.count { $0 == .settled(.completed) }
        }
        return settled
    }

    @Test func `a plan with settings of a later version and one without some of ours are understood`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(limit: 3, lease: .seconds(7)))
            #expect(try await harness.command("HGET", harness.key("meta"), "plan").string == "limit=3 lease=7000")
            _ = try await queue.enqueue((0..<10).map { _ in job() })
            try await harness.command(
                "HSET", harness.key("meta"), "plan", "later=1 limit=4 keys=2 lease=9000 fair=yes")
            let first = try await queue.claim(ClaimRequest(worker: "a", number: 1, upTo: 10))
            #expect(first.jobs.count == 4 && first.lease == .seconds(9))
            try await queue.configure(QueueSettingsChange(limit: 5))
            #expect(
                try await harness.command("HGET", harness.key("meta"), "plan").string
                    == "later=1 keys=2 fair=yes limit=5 lease=7000", "settings of a later version are kept")
            try await harness.command("HSET", harness.key("meta"), "plan", "limit=6")
            let second = try await queue.claim(ClaimRequest(worker: "b", number: 1, upTo: 10))
            #expect(second.jobs.count == 2 && second.lease == .seconds(30))
            try await queue.configure(QueueSettingsChange(defaults: [.limit, .lease]))
            #expect(try await harness.command("HGET", harness.key("meta"), "plan").string == "")
        }
    }

    @Test func `the kinds of limits that a queue has are part of its plan`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.configure(QueueSettingsChange(limit: 3))
            try await harness.command("HSET", harness.key("meta"), "limited", "3")
            try await queue.configure(QueueSettingsChange(limit: 4))
            #expect(try await harness.command("HGET", harness.key("meta"), "plan").string == "limit=4 limited=3")
            try await harness.command("HDEL", harness.key("meta"), "limited")
            try await queue.configure(QueueSettingsChange(defaults: [.limit]))
            #expect(try await harness.command("HGET", harness.key("meta"), "plan").string == "")
        }
    }

    @Test(arguments: [
        ("1 1", true), ("2 1", true), ("9 1", true), ("2 2", false), ("2", false), ("", false), ("x", false),
    ])
    func `a queue is readable by every version from the one that it names`(_ stored: String, _ isRead: Bool)
        async throws
    {
        try await withStore { harness in
            let queue = harness.queue()
            _ = try await queue.enqueue(job())
            try await harness.command("HSET", harness.key("meta"), "schema", stored)
            if isRead {
                _ = try await queue.enqueue(job())
            } else {
                let error = await #expect(throws: QueueError.self) { try await queue.enqueue(job()) }
                guard case .refused(.newerSchema(let version)) = error?.kind else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(version == String(stored.prefix { $0 != " " }))
                await #expect(throws: QueueError.self) { try await queue.resume() }
            }
            try await harness.command("HSET", harness.key("meta"), "schema", Schema.stored)
        }
    }
}
