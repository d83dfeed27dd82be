// One node of a Redis Cluster, for tests that connect to one.

public import MartletRedis

/// Starts a redis-server in cluster mode that knows no other node; it owns no slot until it is given some.
public func clusterNode() async throws -> PrivateRedisServer {
    // Another process may take the port of its bus meanwhile; then another one is tried.
    for _ in 0..<4 {
        if let node = try? await startNode() { return node }
    }
    return try await startNode()
}

private func startNode() async throws -> PrivateRedisServer {
    try await PrivateRedisServer.start(
        directory: temporaryDirectory("cluster"),
        options: ["--cluster-enabled", "yes", "--cluster-port", String(try await freePort())],
        within: .seconds(60))
}
