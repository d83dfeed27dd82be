// What the tests of this target share: clients that run for the length of a block, and small helpers.

import FoundationEssentials
import Logging
import MartletRedis
import TestSupport

/// A logger that says nothing.
let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

extension RedisConfiguration {
    /// A configuration with which replies and connections may take as long as they do on a busy machine.
    ///
    /// For every test that is not about a timeout.
    static func patient(url: String) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url)
        (configuration.commandTimeout, configuration.connectTimeout) = (.seconds(60), .seconds(60))
        return configuration
    }
}

/// Runs a client while `body` uses it.
func withClient<Result>(
    _ configuration: RedisConfiguration, _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let client = RedisClient(configuration, logger: silent)
    let running = Task { try await client.run() }
    defer { running.cancel() }
    try await client.waitUntilConnected(within: .seconds(30))
    return try await body(client)
}

/// Runs a client of the shared server while `body` uses it.
func withSharedClient<Result>(_ body: (RedisClient) async throws -> Result) async throws -> Result {
    try await withClient(try .patient(url: try await SharedRedis.url()), body)
}

/// Runs a client of a fresh server of its own, which `body` may break.
func withServer<Result>(
    _ options: [String] = [], commandTimeout: Duration = .seconds(60),
    _ body: (PrivateRedisServer, RedisClient) async throws -> Result
) async throws -> Result {
    let server = try await PrivateRedisServer.start(
        directory: temporaryDirectory("own"), options: options, within: .seconds(60))
    var configuration = try RedisConfiguration.patient(url: server.url)
    configuration.commandTimeout = commandTimeout
    let result = try await withClient(configuration) { try await body(server, $0) }
    await server.stop()
    return result
}

/// The error that `body` throws, if it does.
func redisError(_ body: () async throws(RedisError) -> Void) async -> RedisError? {
    do throws(RedisError) {
        try await body()
        return nil
    } catch { return error }
}

/// Starts a server that listens on a port of the loopback interface too; `options` get the port.
func serverOnPort(
    _ options: (_ port: Int) -> [String]
) async throws -> (server: PrivateRedisServer, port: Int) {
    for attempt in 1... {
        // Below the ports that the system hands out, so only another test could have it.
        let port = Int.random(in: 20_000..<32_000)
        do {
            let server = try await PrivateRedisServer.start(
                directory: temporaryDirectory("port"), options: options(port), within: .seconds(60))
            return (server, port)
        } catch PrivateRedisServerError.ended(let log) where attempt < 10 && log.contains("in use") {
            continue
        }
    }
    throw NeverHappened.test("a free port")
}

/// A script for tests; its digest is computed by the server.
func script(_ source: String, _ client: RedisClient) async throws -> RedisScript {
    let sha1 = try await client.ask("SCRIPT", "LOAD", source).string ?? ""
    return RedisScript(name: "test", source: Array(source.utf8), sha1: sha1)
}

extension RedisValue {
    /// A string value.
    static func text(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }
}

// `#expect` does not pass typed errors on.

extension RedisClient {
    /// The reply to a command of plain words.
    func ask(_ words: String...) async throws -> RedisValue {
        var arguments = RedisArguments()
        for word in words { arguments.append(word) }
        return try await send(.command(arguments))
    }
}

extension Result where Failure == RedisError {
    /// The value, or the error thrown.
    func value() throws -> Success { try get() }
}
