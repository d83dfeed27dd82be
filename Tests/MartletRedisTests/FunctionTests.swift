// Functions: their library is loaded where it is missing, and where it cannot be they run as scripts.

import TestSupport
import Testing

@testable import MartletRedis

/// A function that counts up a key and returns `{key, argument, how it was called}`, and a script that does the same.
private func counter(_ client: RedisClient, flags: String = "allow-oom") async throws -> RedisFunction {
    let name = "f" + uniquePrefix()
    func body(_ call: String) -> String { "redis.call('INCR', keys[1]) return {keys[1], args[1], '\(call)'}" }
    let library = """
        #!lua name=\(name)
        redis.register_function{function_name='\(name)_count', flags={'\(flags)'}, callback=function(keys, args)
        \(body("function")) end}
        """
    let source = "#!lua flags=\(flags)\nlocal keys, args = KEYS, ARGV\n\(body("script"))"
    let sha1 = try await client.ask("SCRIPT", "LOAD", source).string ?? ""
    _ = try await client.ask("SCRIPT", "FLUSH")
    return RedisFunction(
        name: name + "_count", library: RedisLibrary(name: name, source: Array(library.utf8)),
        script: RedisScript(name: "count", source: Array(source.utf8), sha1: sha1))
}

private func call(_ function: RedisFunction, _ argument: String = "a") -> RedisRequest {
    .function(function, keys: RedisArguments("n"), arguments: RedisArguments(argument))
}

private func answer(_ how: String, _ argument: String = "a") -> RedisValue {
    .array([.text("n"), .text(argument), .text(how)])
}

@Suite struct FunctionTests {
    @Test func `a function that the server does not know is called after its library was loaded`() async throws {
        try await withServer { (_, client) async throws in
            let function = try await counter(client)
            for round in 1...3 {
                #expect(try await client.send(call(function)) == answer("function"))
                #expect(try await client.ask("GET", "n").int == round)
                #expect(client.scriptReason == nil)
                _ = try await client.ask("FUNCTION", "FLUSH")
            }
        }
    }

    @Test func `many calls that miss a library load it once`() async throws {
        try await withServer { (_, client) async throws in
            let function = try await counter(client)
            var statistics = ""
            // A caller that stands still until the others have loaded it asks for it once more.
            for round in 1...6 where !statistics.contains("cmdstat_function|load:calls=1,") {
                _ = try await client.ask("FUNCTION", "FLUSH")
                _ = try await client.ask("CONFIG", "RESETSTAT")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<50 { group.addTask { _ = try await client.send(call(function)) } }
                    try await group.waitForAll()
                }
                statistics = try await client.ask("INFO", "commandstats").string ?? ""
                #expect(try await client.ask("GET", "n").int == 50 * round)
            }
            #expect(statistics.contains("cmdstat_function|load:calls=1,"), "\(statistics)")
        }
    }

    @Test func `inside a batch the replies keep their order, also for the requests after a missing function`()
        async throws
    {
        try await withServer { (_, client) async throws in
            let function = try await counter(client)
            var batch = [
                call(function, "1"), .command("ECHO", "mid"), call(function, "2"), .command("FUNCTION", "FLUSH"),
            ]
            batch += (3...100).map { call(function, "\($0)") }
            for _ in 0..<3 {
                let results = await client.send(batch)
                #expect(try results[1].value() == .text("mid"))
                let expected = [0, 2].map { $0 } + Array(4..<102)
                for (number, index) in expected.enumerated() {
                    #expect(try results[index].value() == answer("function", "\(number + 1)"))
                }
            }
            _ = try await client.ask("FUNCTION", "FLUSH")
            let closed = await client.send([call(function)], closing: [.command("ECHO", "end")])
            #expect(try closed[0].result.value() == answer("function"))
            #expect(try closed[0].closing[0].value() == .text("end"))
        }
    }

    @Test func `a server that forgets all functions again and again shows no error`() async throws {
        try await withServer { (_, client) async throws in
            let function = try await counter(client)
            let flushing = Task {
                while !Task.isCancelled {
                    _ = try? await client.ask("FUNCTION", "FLUSH")
                    _ = try? await client.ask("SCRIPT", "FLUSH")
                }
            }
            defer { flushing.cancel() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        for _ in 0..<10 { _ = try await client.send(call(function)) }
                        for result in await client.send([call(function), call(function)]) { _ = try result.value() }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await client.ask("GET", "n").int == 240)
        }
    }

    @Test(arguments: [
        ["--rename-command", "FCALL", ""], ["--rename-command", "FUNCTION", ""],
    ])
    func `where the server has no functions the script runs`(_ options: [String]) async throws {
        try await withServer(options) { (_, client) async throws in
            let function = try await counter(client)
            for round in 1...3 {
                #expect(try await client.send(call(function)) == answer("script"))
                #expect(try await client.ask("GET", "n").int == round)
            }
            #expect(client.scriptReason == "the server has no functions")
        }
    }

    @Test(arguments: ["-fcall", "-function|load"])
    func `where the user may not use functions the script runs`(_ rule: String) async throws {
        try await withServer { (server, admin) async throws in
            _ = try await admin.ask("ACL", "SETUSER", "m", "on", ">pw", "~*", "+@all", rule)
            let function = try await counter(admin)
            let url = "unix://\(server.socketPath)?user=m&password=pw"
            try await withClient(try .patient(url: url)) { (client) async throws in
                #expect(try await client.send(call(function)) == answer("script"))
                for result in await client.send([call(function), call(function)]) {
                    #expect(try result.value() == answer("script"))
                }
                #expect(client.scriptReason == "the user may not load or call functions")
            }
        }
    }

    @Test func `a denied key is a verdict and no reason for scripts`() async throws {
        try await withServer { (server, admin) async throws in
            _ = try await admin.ask("ACL", "SETUSER", "m", "on", ">pw", "~other", "+@all")
            let function = try await counter(admin)
            let url = "unix://\(server.socketPath)?user=m&password=pw"
            try await withClient(try .patient(url: url)) { (client) async throws in
                let error = await redisError { () async throws(RedisError) in _ = try await client.send(call(function))
                }
                #expect(error?.code == .noPermission && error?.outcome == .verdict)
                #expect(client.scriptReason == nil)
            }
        }
    }

    @Test func `a full server refuses the library, so the script runs`() async throws {
        try await withServer { (_, client) async throws in
            let function = try await counter(client)
            let strict = try await counter(client, flags: "no-cluster")
            _ = try await client.ask("SET", "n", "0")
            _ = try await client.ask("CONFIG", "SET", "maxmemory", "1")
            // The reason holds for five seconds; after that the library is refused again.
            try await eventually("the reason is told") {
                let reply = try await client.send(call(function))
                #expect(reply == answer("script"))
                return client.scriptReason == "the server has no memory left for the library"
            }
            // What may not run on a full server is refused as it would be as a function.
            let error = await redisError { () async throws(RedisError) in _ = try await client.send(call(strict)) }
            #expect(error?.code == .outOfMemory && error?.outcome == .notExecuted)
        }
    }
}

@Suite struct FunctionCallMachineTests {
    private let now = ContinuousClock.now
    private let request = call(
        RedisFunction(
            name: "l_f", library: RedisLibrary(name: "l", source: []),
            script: RedisScript(name: "f", source: [], sha1: "")))

    private func failure(_ reply: String) -> Result<RedisValue, RedisError> { .failure(RedisError(reply: reply)) }

    @Test func `after a refused load scripts are used for a while, then functions again`() throws {
        for (reply, rest, why) in [
            ("OOM command not allowed", 5, "no memory"), ("READONLY You can't write", 60, "a replica"),
            ("NOPERM 'function|load'", 60, "the user"), ("MISCONF Redis is configured", 5, "its disk"),
            ("ERR unknown command 'FUNCTION'", 60, "no functions"),
        ] {
            var machine = FunctionCallMachine(callsFunctions: true)
            #expect(machine.firstForm(of: request, now: now) == .named)
            #expect(machine.step(request, sentAs: .named, failure("ERR Function not found"), now: now) == .load)
            #expect(try machine.loaded(failure(reply), now: now) == .again(.digest))
            #expect(machine.firstForm(of: request, now: now + .seconds(rest) - .milliseconds(1)) == .digest)
            #expect(machine.reason(now: now)?.contains(why) == true)
            #expect(machine.firstForm(of: request, now: now + .seconds(rest)) == .named)
        }
    }

    @Test func `a library that another client has just loaded is loaded`() throws {
        var machine = FunctionCallMachine(callsFunctions: true)
        #expect(try machine.loaded(failure("ERR Library 'l' already exists"), now: now) == .again(.named))
        #expect(try machine.loaded(.success(.text("l")), now: now) == .again(.named))
    }

    @Test func `a connection that breaks while the library is loaded leaves the call not executed`() {
        var machine = FunctionCallMachine(callsFunctions: true)
        let error = #expect(throws: RedisError.self) {
            try machine.loaded(.failure(RedisError(.connectionLost, "gone")), now: now)
        }
        #expect(error?.outcome == .notExecuted && error?.code == .connectionLost)
        #expect(machine.reason(now: now) == nil)
    }

    @Test func `a script with an unknown digest is sent with its source once`() {
        var machine = FunctionCallMachine(callsFunctions: false)
        #expect(machine.firstForm(of: request, now: now) == .digest)
        let missing = failure("NOSCRIPT No matching script")
        #expect(machine.step(request, sentAs: .digest, missing, now: now) == .again(.source))
        #expect(machine.step(request, sentAs: .source, missing, now: now) == .done)
        #expect(machine.step(.command("PING"), sentAs: .named, missing, now: now) == .done)
    }
}
