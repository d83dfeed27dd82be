// A primary and its replica, two real redis-servers, for tests of replication.

import Logging
public import MartletRedis
import NIOCore
import NIOPosix

/// Two redis-servers, one a replica of the other.
///
/// They use the loopback interface, on free ports.
public struct ReplicaPair: Sendable {
    /// The server that takes writes.
    public let primary: PrivateRedisServer
    /// The server that follows.
    public let replica: PrivateRedisServer

    /// Starts both and waits until the replica is in sync.
    public static func start(options: [String] = []) async throws -> ReplicaPair {
        let primary = try await Self.onFreePort("primary", options)
        let following = [
            "--replicaof", "127.0.0.1 \(primary.port)", "--repl-diskless-sync-delay", "0",
            "--repl-timeout", "120", "--repl-ping-replica-period", "1",
        ]
        let replica = try await PrivateRedisServer.start(
            directory: temporaryDirectory("replica"), options: options + following, within: .seconds(60))
        let pair = ReplicaPair(primary: primary, replica: replica)
        try await eventually("the replica follows") {
            try await ask(replica, "INFO", "replication").string?.contains("master_link_status:up") ?? false
        }
        return pair
    }

    /// Stops both.
    public func stop() async {
        replica.unpause()
        await replica.stop()
        await primary.stop()
    }

    private static func onFreePort(_ name: String, _ options: [String]) async throws -> PrivateRedisServer {
        // Another process may take the port meanwhile; then another one is tried.
        for _ in 0..<4 {
            let port = try await freePort()
            let started = try? await PrivateRedisServer.start(
                directory: temporaryDirectory(name), options: options, port: port, within: .seconds(60))
            if let started { return started }
        }
        return try await PrivateRedisServer.start(
            directory: temporaryDirectory(name), options: options, port: try await freePort(), within: .seconds(60))
    }
}

/// A free port of the loopback interface.
func freePort() async throws -> Int {
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .bind(host: "127.0.0.1", port: 0).get()
    let port = channel.localAddress?.port ?? 0
    try await channel.close()
    return port
}

/// Sends one command to a server over a separate connection.
@discardableResult
public func ask(_ server: PrivateRedisServer, _ words: String...) async throws -> RedisValue {
    let configuration = try RedisConfiguration.ofTests(url: server.url, isPatient: true)
    let client = RedisClient(configuration, logger: noLogger)
    let running = Task { try await client.run() }
    var arguments = RedisArguments()
    for word in words { arguments.append(word) }
    let result: Result<RedisValue, RedisError>
    do throws(RedisError) { result = .success(try await client.send(.command(arguments))) } catch {
        result = .failure(error)
    }
    running.cancel()
    _ = await running.result
    return try result.get()
}
