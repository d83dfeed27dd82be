// What the docstrings of the transport show.

import Logging
import MartletRedis

func connectClients(_ logger: Logger) async throws {
    let client = RedisClient(try RedisConfiguration(url: "redis://127.0.0.1:6379"), logger: logger)
    let connection = Task { try await client.run() }
    try await client.waitUntilConnected(within: .seconds(5))
    let reply = try await client.send(.command("PING"))
    connection.cancel()
    print(reply)
}

func stayOnTheThread(_ client: RedisClient, _ keys: [String]) async throws {
    try await withTaskExecutorPreference(client.executor) {
        for key in keys { _ = try await client.send(.command("GET", key)) }
    }
}

func configureConnections() throws -> RedisConfiguration {
    var configuration = try RedisConfiguration(url: "redis://127.0.0.1:6379/2")
    configuration.commandTimeout = .seconds(1)
    configuration.clientName = "reports"
    return configuration
}

func judgeOutcomes(_ client: RedisClient, _ logger: Logger) async {
    do {
        _ = try await client.send(.command("SET", "greeting", "hello"))
    } catch {
        if error.outcome == .notExecuted { logger.warning("not stored, safe to repeat") }
    }
}

func waitForTokens(_ configuration: RedisConfiguration, _ logger: Logger) async throws {
    let waiter = RedisListWaiter(configuration, logger: logger)
    let connection = Task { try await waiter.run() }
    let hasToken = try await waiter.wait(for: "wake", atMost: .seconds(1))
    connection.cancel()
    print(hasToken)
}

func startServers(_ directory: String) async throws {
    let server = try await PrivateRedisServer.start(directory: directory, options: ["--appendonly", "yes"])
    let configuration = try RedisConfiguration(url: server.url)
    await server.stop()
    print(configuration)
}

func makeRequests() {
    var arguments = RedisArguments("HSET", "user:1")
    arguments.append("visits")
    arguments.append(42)
    let request = RedisRequest.command(arguments)
    print(request)
}

func callScripts(_ digest: String) {
    let script = RedisScript(name: "echo", source: Array("return ARGV[1]".utf8), sha1: digest)
    let request = RedisRequest.script(script, keys: RedisArguments(), arguments: RedisArguments("hello"))
    print(request)
}

func sendWords(_ client: RedisClient) async throws {
    let request = RedisRequest.command("GET", "greeting")
    print(request)
}

func readReplies(_ client: RedisClient) async throws {
    let reply = try await client.send(.command("LRANGE", "names", "0", "-1"))
    let names = reply.array?.compactMap(\.string) ?? []
    print(names)
}

func describeLibrary() {
    let code = "redis.register_function('greet', function(_, args) return 'Hello, ' .. args[1] end)"
    let library = RedisLibrary(name: "greetings", source: Array("#!lua name=greetings\n\(code)".utf8))
    print(library)
}

func callFunctions(_ client: RedisClient, _ library: RedisLibrary, _ script: RedisScript) async throws {
    let function = RedisFunction(name: "greet", library: library, script: script)
    let arguments = RedisArguments("Ada")
    let reply = try await client.send(.function(function, keys: RedisArguments(), arguments: arguments))
    print(reply)
}

func needRedis(_ directory: String) async throws {
    do {
        let server = try await PrivateRedisServer.start(directory: directory)
        print(server.url)
    } catch PrivateRedisServerError.notInstalled {
        print("this test needs redis-server")
    }
}
