// Ids are ordered by their bytes, as Redis orders them, whatever locale Redis was started with.

import FoundationEssentials
import MartletJobs
import MartletQueue
import MartletRedis
import TestSupport
import Testing

@Suite struct LocaleTests {
    /// Ids that sort otherwise in a language than by their bytes.
    private static let names = [
        "B", "Z", "a", "ab", "a-b", "aB", "A-c", "z", "1", "10", "9", "_x", "x.y", "x:y", "xy", "-",
    ]

    @Test func `pages and pushes go by bytes under a locale that does not`() async throws {
        guard let server = try await LocaleServer.start() else {
            try Test.cancel("this machine has no sources of locales, or no localedef")
        }
        try await withStore(url: server.url) { harness in
            let probe = try await harness.command("EVAL", "return tostring('Z' < 'a')", "0")
            #expect(probe.string == "false", "Redis compares by the locale")
            let queue = harness.queue()
            let ids = try Self.names.map { try makeID($0) }
            _ = try await queue.enqueue(ids.map { job($0) })
            // All in one place, so that only their ids order them.
            for id in ids { try await harness.command("ZADD", harness.key("queued"), "1700000000000", id.description) }
            let sorted = ids.sorted { Array($0.description.utf8).lexicographicallyPrecedes(Array($1.description.utf8)) }
            for last in sorted {
                let cursor = JobCursor("queued~1700000000000~\(last)")
                // Gone from its place, so that the script has to look for it.
                try await harness.command("ZREM", harness.key("queued"), last.description)
                let page = try await queue.list(states: [.queued], after: cursor, limit: 50)
                #expect(page.jobs.map(\.id) == Array(sorted.drop { $0 != last }.dropFirst()), "after \(last)")
                try await harness.command("ZADD", harness.key("queued"), "1700000000000", last.description)
            }
            let more = try Self.names.reversed().map { try makeID("n" + $0) }
            _ = try await queue.enqueue(more.map { job($0) })
            #expect(try await harness.claim(50, from: queue).map(\.id) == sorted + more)
        }
        #expect(server.isRunning())
    }
}

/// A redis-server that compares texts as English does; it ends with this value.
private struct LocaleServer {
    let url: String
    private let child: ChildProcess

    /// Starts it; `nil` where no locale can be made.
    static func start() async throws -> LocaleServer? {
        let folder = temporaryDirectory("locale")
        let locale = folder + "/en_US.UTF-8"
        let maker = try ChildProcess(
            supervising: ["localedef", "-i", "en_US", "-f", "UTF-8", locale], pidPath: folder + "/maker",
            logPath: folder + "/log")
        try await eventually("localedef has ended") { !maker.isRunning }
        guard FileManager.default.fileExists(atPath: locale + "/LC_COLLATE") else { return nil }
        let socket = folder + "/redis.sock"
        let child = try ChildProcess(
            supervising: [
                "env", "LOCPATH=\(folder)", "LC_ALL=en_US.UTF-8", "redis-server", "--port", "0", "--unixsocket", socket,
                "--save", "", "--dir", folder,
            ], pidPath: folder + "/pid", logPath: folder + "/log")
        try await eventually("redis-server listens") {
            FileManager.default.fileExists(atPath: socket)
        }
        return LocaleServer(url: "unix://" + socket, child: child)
    }

    func isRunning() -> Bool { child.isRunning }
}
