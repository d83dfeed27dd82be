// The real store of a run: a separate redis-server, with the scripts under test.

import FoundationEssentials
import Logging
import MartletJobs
import MartletRedis
import TestSupport

@testable import MartletQueue

/// A redis-server, a store on it, and a second store whose replies can be lost.
struct RealStore {
    /// All ids that runs use; the last four are invalid.
    static let ids = (0..<14).map { "job-\($0)" } + ["bad id", "bad\n", String(repeating: "x", count: 129), ""]
    static let start = 1_800_000_000_000

    let server: PrivateRedisServer
    let store: JobStore
    let scripts: ScriptTable
    private let proxy: FaultProxy
    private let distant: JobStore
    private let redis: RedisClient
    private let prefix: String

    var queue: Queue { Self.queue(of: store) }

    private static func queue(of store: JobStore) -> Queue {
        guard let name = QueueName("q") else { preconditionFailure("q is a name") }
        return store.queue(name)
    }

    /// Runs `body` with a store on this server.
    static func on<Answer: Sendable>(
        _ server: PrivateRedisServer, scripts: ScriptTable, _ body: @Sendable (RealStore) async throws -> Answer
    ) async throws -> Answer {
        let proxy = try await FaultProxy.start(to: server.socketPath)
        let logger = Logger(label: "model", factory: { _ in SwiftLogNoOpLogHandler() })
        let configuration = try quick(server.url)
        let behind = try quick(proxy.url)
        let prefix = uniquePrefix()
        let real = RealStore(
            server: server, store: JobStore(redis: configuration, prefix: prefix, scripts: scripts, logger: logger),
            scripts: scripts, proxy: proxy,
            distant: JobStore(redis: behind, prefix: prefix, scripts: scripts, logger: logger),
            redis: RedisClient(configuration, logger: logger), prefix: prefix)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await real.store.run() }
            group.addTask { try await real.distant.run() }
            group.addTask { try await real.redis.run() }
            defer { group.cancelAll() }
            let answer = try await body(real)
            await proxy.stop()
            return answer
        }
    }

    /// Connections break on purpose here, so they reconnect at once.
    private static func quick(_ url: String) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration.ofTests(url: url, isPatient: true)
        configuration.reconnectBase = .milliseconds(1)
        configuration.reconnectCap = .milliseconds(10)
        return configuration
    }

    /// Empties the server and creates the queue with its clock at ``start``.
    func clear() async throws {
        try await store.waitUntilConnected(within: .seconds(30))
        try await command("FLUSHALL")
        try await queue.create()
        try await setClock(Self.start)
    }

    /// The findings of the audit's script, all pages in one write: such a queue has one page of each.
    func audit() async throws -> [String] {
        let keys = queue.keys.arguments
        var calls = JobIndex.allCases.map { RedisArguments("index", $0.rawValue, "0", "200") }
        var jobs = RedisArguments("jobs")
        for id in Self.ids { jobs.append(id) }
        var waiters = RedisArguments("waiters")
        for name in try await command("KEYS", key("waits:*")).array ?? [] {
            waiters.append(String((name.string ?? "").dropFirst(key("waits:").count)))
        }
        calls += [jobs, waiters, RedisArguments("limits"), RedisArguments("unique", "0"), RedisArguments("ledger")]
        let replies = await store.redis.send(
            calls.map { .function(scripts[.audit], keys: keys, arguments: $0) })
        var found: [String] = []
        for reply in replies.dropLast() {
            for case .array(let words) in try reply.get().array ?? [] {
                found.append(words.compactMap(\.string).joined(separator: ": "))
            }
        }
        let ledger = try (replies.last?.get().array ?? []).dropFirst().compactMap(\.int)
        let pairs = stride(from: 4, to: 8, by: 2)
        if ledger.count != 8 || ledger[0] - ledger[1] != ledger[2] || ledger[3] != 0
            || !pairs.allSatisfy({ ledger[$0] == ledger[$0 + 1] })
        {
            found.append("ledger \(ledger)")
        }
        return found
    }

    func setClock(_ now: Int) async throws { try await command("HSET", key("meta"), "offset", "\(now)") }

    func view() async throws -> StoreView {
        StoreView(
            try await redis.send(StoreView.request(prefix: key(""), ids: Self.ids)), ids: Self.ids)
    }

    /// The name of one of the queue's keys.
    func key(_ name: String) -> String { "\(prefix):{q}:\(name)" }

    @discardableResult
    func command(_ words: String...) async throws -> RedisValue {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return try await redis.send(.command(arguments))
    }

    // MARK: Faults

    func flushScripts() async throws {
        try await command("SCRIPT", "FLUSH")
        try await command("FUNCTION", "FLUSH")
    }

    /// Kills Redis and waits until all connections are there again.
    func restart() async throws {
        server.kill()
        try await server.restart(within: .seconds(60))
        for store in [store, distant] {
            try await eventually("the store is connected again") {
                (try? await store.ping()) != nil
            }
        }
        try await eventually("the observer is connected again") {
            (try? await command("PING")) != nil
        }
    }

    /// Loads a script on the server, so that the lost reply is the one to its call.
    private func load(_ function: RedisFunction) async throws {
        var script = RedisArguments("SCRIPT", "LOAD")
        script.append(function.script.source)
        var library = RedisArguments("FUNCTION", "LOAD", "REPLACE")
        library.append(function.library.source)
        for command in [script, library] { _ = try await redis.send(.command(command)) }
    }

    /// Applies `operation` on a connection that is cut when the reply arrives.
    func swallow(_ script: QueueScript, _ operation: (Queue) async throws -> Void) async throws -> String {
        let before = proxy.lostReplies
        try await distant.waitUntilConnected(within: .seconds(30))
        let function = scripts[script]
        try await load(function)
        proxy.loseReply(toRequestWith: function.mark)
        do {
            try await operation(Self.queue(of: distant))
            return "answered"
        } catch let error as QueueError {
            guard error.kind == .unknown, proxy.lostReplies == before + 1 else { return "\(error)" }
            return "lost"
        }
    }
}
