// The private server: it starts, restarts, explains its failures, and never outlives its parent.

import Foundation
import MartletRedis
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite struct PrivateRedisServerTests {
    private static func isAlive(_ process: Int32) -> Bool {
        guard process > 1, kill(process, 0) == 0 else { return false }
        // A process that nobody has waited for yet is there, but dead.
        let state = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        return !state.contains(") Z ")
    }

    @Test func `data with an append-only file survives stop, kill and restart`() async throws {
        try await withServer(["--appendonly", "yes"]) { (server, client) async throws in
            let first = server.processID
            #expect(Self.isAlive(first))
            _ = try await client.ask("SET", "k", "1")
            await server.stop()
            #expect(!server.isRunning)
            #expect(server.processID == 0)
            #expect(!Self.isAlive(first))
            try await eventually("the client knows") { !client.isConnected }
            try await server.restart(within: .seconds(60))
            #expect(try await client.ask("INCR", "k").int == 2)
            server.kill()
            try await eventually("it is gone") { !server.isRunning && !client.isConnected }
            try await server.restart(within: .seconds(60))
            #expect(try await client.ask("INCR", "k").int == 3)
            // A restart of a running one stops it in order first.
            try await server.restart(within: .seconds(60))
            #expect(try await client.ask("GET", "k").int == 3)
        }
    }

    @Test func `a frozen server can be stopped`() async throws {
        let server = try await PrivateRedisServer.start(directory: temporaryDirectory("own"), within: .seconds(60))
        let process = server.processID
        server.pause()
        await server.stop()
        #expect(!Self.isAlive(process))
    }

    @Test func `given options override the defaults, and a configuration file is read`() async throws {
        let directory = temporaryDirectory("conf")
        let file = directory + "/my.conf"
        try "hash-max-listpack-value 777\nmaxclients 55\n".write(toFile: file, atomically: true, encoding: .utf8)
        let server = try await PrivateRedisServer.start(
            directory: directory, options: ["--maxclients", "66"], configurationFile: file, within: .seconds(60))
        try await withClient(try .patient(url: server.url)) { (client) async throws in
            let first = try await client.ask("CONFIG", "GET", "hash-max-listpack-value").array?.last
            let second = try await client.ask("CONFIG", "GET", "maxclients").array?.last
            #expect(first?.int == 777)
            #expect(second?.int == 66)
        }
        #expect(FileManager.default.fileExists(atPath: server.logPath))
        await server.stop()
    }

    @Test func `a directory with a path too long for a socket gets a short one elsewhere`() async throws {
        let directory = temporaryDirectory("deep") + "/" + String(repeating: "d", count: 120)
        let server = try await PrivateRedisServer.start(directory: directory, within: .seconds(60))
        #expect(server.socketPath.utf8.count <= 107)
        try await withClient(try .patient(url: server.url)) { (client) async throws in
            let place = try await client.ask("CONFIG", "GET", "dir").array?.last
            #expect(place?.string == directory)
        }
        await server.stop()
        #expect(!FileManager.default.fileExists(atPath: server.socketPath))
    }

    @Test func `an invalid option is reported with the end of the log`() async throws {
        let start = ContinuousClock.now
        let error = await #expect(throws: PrivateRedisServerError.self) {
            try await PrivateRedisServer.start(directory: temporaryDirectory("bad"), options: ["--maxclients", "many"])
        }
        #expect(error?.description.contains("maxclients") == true)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func `an abandoned server ends`() async throws {
        let process = try await {
            let server = try await PrivateRedisServer.start(
                directory: temporaryDirectory("own"), within: .seconds(60))
            return server.processID
        }()
        #expect(process > 1)
        try await eventually("the server is gone") { !Self.isAlive(process) }
    }

    @Test func `a server dies with a parent that is killed`() async throws {
        // The child tells its server's process in a file that is named after its parent.
        let result = await #expect(processExitsWith: .signal(SIGKILL)) {
            let server = try await PrivateRedisServer.start(
                directory: temporaryDirectory("orphan"), within: .seconds(60))
            try "\(server.processID)".write(
                toFile: "/tmp/martlet-orphan-of-\(getppid())", atomically: true, encoding: .utf8)
            server.pause()  // Even a frozen one must go.
            kill(getpid(), SIGKILL)
        }
        _ = try #require(result)
        let path = "/tmp/martlet-orphan-of-\(getpid())"
        let process = try #require(Int32(try String(contentsOfFile: path, encoding: .utf8)))
        try FileManager.default.removeItem(atPath: path)
        try await eventually("the server is gone") { !Self.isAlive(process) }
    }
}
