// Short words of the tests of limits.

import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

extension QueueHarness {
    /// Sets a limit as it is stored, or removes it, and has the next claim or sweep look at who waits.
    func setLimit(_ name: String, _ text: String?, of queue: Queue) async throws {
        try await queue.create()
        if let text {
            try await command("HSET", key("limits"), name, text)
        } else {
            try await command("HDEL", key("limits"), name)
        }
        let names = (try await command("HKEYS", key("limits")).array ?? []).compactMap(\.string)
        let waiting = (try await command("ZRANGE", key("opens"), "0", "-1").array ?? []).compactMap(\.string)
        for one in waiting { try await command("ZADD", key("opens"), "0", one) }
        var mask = names.isEmpty ? 0 : 1
        for (kind, bit) in [("type:", 2), ("tag:", 4)] where names.contains(where: { $0.hasPrefix(kind) }) {
            mask += bit
        }
        if !waiting.isEmpty { mask += 16 }
        try await command("HSET", key("meta"), "limited", "\(mask)")
        _ = try await queue.run(.configure, RedisArguments("set"))
    }

    /// The weights that count for each key.
    func usage(_ name: String = "usage") async throws -> [String: String] {
        Queue.words(try await command("HGETALL", key(name)).array ?? []).mapValues { "\($0)" }
    }
}

extension NewJob {
    /// A job with these keys; its payload is its number.
    static func limited(_ number: Int = 0, _ keys: LimitKey..., priority: Int = 0) -> NewJob {
        NewJob(type: "test", payload: Array("\(number)".utf8), priority: priority, limits: keys)
    }
}

extension ClaimedJob {
    var number: Int { Int(String(decoding: payload, as: UTF8.self)) ?? -1 }
}
