// Who may connect, and how: passwords, ACL users, databases, TCP and TLS.

import Foundation
import Logging
import MartletRedis
import Synchronization
import TestSupport
import Testing

@Suite struct AccessTests {
    /// The error that a client of `url` gets when it waits for a connection and its first attempt has failed.
    private static func refusal(_ url: String, within limit: Duration = .seconds(60)) async throws -> RedisError? {
        let client = RedisClient(try .patient(url: url), logger: silent)
        let running = Task { try await client.run() }
        defer { running.cancel() }
        // It may take long to learn that a name is unknown.
        try await eventually(within: .seconds(120), "an attempt has failed") { client.connectionFailure != nil }
        return await redisError { () async throws(RedisError) in try await client.waitUntilConnected(within: limit) }
    }

    @Test func `a valid password is accepted, a wrong one and none are refused at once`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("auth"), options: ["--requirepass", "op en:s@same"], within: .seconds(60))
        try await withClient(try .patient(url: server.url + "?password=op%20en%3As%40same")) {
            (client) async throws in
            #expect(try await client.ask("PING") == .text("PONG"))
        }
        for query in ["", "?password=hunter2"] {
            let start = ContinuousClock.now
            let error = try await Self.refusal(server.url + query)
            #expect(error?.code == .authentication)
            #expect(error?.outcome == .notExecuted)
            #expect(error?.description.contains("hunter2") == false)
            #expect(ContinuousClock.now - start < .seconds(20))
        }
        await server.stop()
    }

    @Test func `a password that was changed is read from the file of the URL when the old one is refused`() async throws
    {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("rotate"), options: ["--user", "ann", "on", ">before", "~*", "+@all"],
            within: .seconds(60))
        let file = temporaryDirectory("secret") + "/url"
        func write(_ password: String) throws {
            // With a note behind it, and with the blanks that an editor may leave.
            let text = "\n\(server.url)?user=ann&password=\(password)\t\nas of May\n"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }
        try write("before")
        var configuration = try RedisConfiguration.patient(url: server.url + "?user=ann&password=before")
        configuration.urlFile = file
        try await withClient(configuration) { (client) async throws in
            try await ask(server, "ACL", "SETUSER", "ann", "resetpass", ">after")
            try await ask(server, "CLIENT", "KILL", "USER", "ann")
            // Nobody has written the file yet: the old one is refused.
            try await eventually("it is refused") {
                let early = await redisError { () async throws(RedisError) in
                    try await client.waitUntilConnected(within: .seconds(30))
                }
                return early?.code == .authentication
            }
            try write("after")
            try await eventually("it is let in again") {
                (try? await client.ask("ACL", "WHOAMI")) == .text("ann")
            }
            // A file that holds no URL changes nothing.
            try "nonsense".write(toFile: file, atomically: true, encoding: .utf8)
            try await ask(server, "CLIENT", "KILL", "USER", "ann")
            try await eventually("it is back") { (try? await client.ask("ACL", "WHOAMI")) == .text("ann") }
        }
        await server.stop()
    }

    @Test func `a password for a server without one is refused, not ignored`() async throws {
        let error = try await Self.refusal(try await SharedRedis.url() + "?password=hunter2")
        #expect(error?.code == .authentication)
        #expect(error?.debugDescription.contains("hunter2") == false)
    }

    @Test func `an ACL user may run the permitted commands, and others are refused`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("acl"), options: ["--user", "ann", "on", ">pw", "~a:*", "+get", "+set"],
            within: .seconds(60))
        try await withClient(try .patient(url: server.url + "?user=ann&password=pw")) {
            (client) async throws in
            #expect(try await client.ask("SET", "a:1", "x") == .text("OK"))
            for words in [["SET", "b:1", "x"], ["DEL", "a:1"]] {
                var arguments = RedisArguments()
                for word in words { arguments.append(word) }
                let denied = RedisRequest.command(arguments)
                let error = await redisError { () async throws(RedisError) in _ = try await client.send(denied) }
                #expect(error?.code == .noPermission && error?.outcome == .verdict)
            }
        }
        #expect(try await Self.refusal(server.url + "?user=bob&password=pw")?.code == .authentication)
        await server.stop()
    }

    @Test func `the database of the URL is selected, and a missing one is reported`() async throws {
        let url = try await SharedRedis.url()
        let key = uniquePrefix()
        try await withClient(try .patient(url: url + "?db=5")) { (client) async throws in
            _ = try await client.ask("SET", key, "five")
        }
        try await withSharedClient { (client) async throws in
            #expect(try await client.ask("GET", key) == .null)
            let results = await client.send([.command("SELECT", "5"), .command("GET", key), .command("SELECT", "0")])
            #expect(try results[1].value() == .text("five"))
        }
        let error = try await Self.refusal(url + "?db=9999", within: .milliseconds(200))
        #expect(error?.code == .notConnected)
        #expect(error?.message.contains("DB index") == true)
    }

    @Test func `the connection carries its name`() async throws {
        var configuration = try RedisConfiguration.patient(url: try await SharedRedis.url())
        configuration.clientName = "a name " + uniquePrefix()
        let name = configuration.clientName?.replacing(" ", with: "-") ?? ""
        try await withClient(configuration) { (client) async throws in
            #expect(try await client.ask("CLIENT", "GETNAME") == .text(name))
        }
    }

    @Test func `TCP works with a name, an address and a database`() async throws {
        let (server, port) = try await serverOnPort { ["--port", String($0)] }
        for url in ["redis://127.0.0.1:\(port)", "redis://localhost:\(port)/3"] {
            try await withClient(try .patient(url: url)) { (client) async throws in
                #expect(try await client.ask("PING") == .text("PONG"))
            }
        }
        await server.stop()
        let error = try await Self.refusal("redis://127.0.0.1:\(port)", within: .milliseconds(200))
        #expect(error?.code == .notConnected)
        let unknown = try await Self.refusal("redis://no-such-host.invalid:1", within: .milliseconds(500))
        #expect(unknown?.code == .notConnected)
    }

    @Test func `no log line and no error contains the password`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("secret"), options: ["--requirepass", "other"], within: .seconds(60))
        let lines = LogLines()
        let logger = Logger(label: "test") { _ in LineHandler(lines: lines) }
        let client = RedisClient(try .patient(url: server.url + "?password=hunter2"), logger: logger)
        let running = Task { try await client.run() }
        let error = await redisError { () async throws(RedisError) in
            try await client.waitUntilConnected(within: .seconds(30))
        }
        try await eventually("the refusal is logged") { lines.all.contains { $0.contains("authentication") } }
        running.cancel()
        try await running.value
        let texts = lines.all + ["\(String(describing: error))", String(reflecting: error)]
        #expect(texts.allSatisfy { !$0.contains("hunter2") })
        await server.stop()
    }
}

@Suite struct TLSTests {
    @Test func `rediss checks the authority and the name, and never falls back`() async throws {
        guard let pki = try PKI.make() else {
            try Test.cancel("the openssl command is not installed; TLS is not tested")
        }
        let (server, port) = try await serverOnPort { port in
            [
                "--tls-port", String(port), "--tls-auth-clients", "no", "--tls-cert-file", pki.path("server.pem"),
                "--tls-key-file", pki.path("server.key"), "--tls-ca-cert-file", pki.path("ca.pem"),
                "--requirepass", "pw",
            ]
        }
        for host in ["localhost", "127.0.0.1"] {
            let url = "rediss://:pw@\(host):\(port)/2?ca=\(pki.path("ca.pem"))"
            try await withClient(try .patient(url: url)) { (client) async throws in
                #expect(try await client.ask("ECHO", "hello") == .text("hello"))
                let values = await client.send((0..<200).map { .command("ECHO", "\($0)") })
                let numbers = try values.map { try $0.value().int }
                #expect(numbers == Array(0..<200))
            }
        }
        let refused = [
            "rediss://:pw@localhost:\(port)?ca=\(pki.path("other.pem"))",  // Another authority.
            "rediss://:pw@localhost:\(port)",  // The system's authorities.
            "rediss://:pw@127.0.0.2:\(port)?ca=\(pki.path("ca.pem"))",  // Not the certificate's address.
            "redis://:pw@localhost:\(port)",  // No TLS.
            "rediss://:pw@localhost:\(port)?ca=/does/not/exist.pem",
        ]
        for url in refused {
            let client = RedisClient(try .patient(url: url), logger: silent)
            let running = Task { try await client.run() }
            try await eventually("an attempt has failed") { client.connectionFailure != nil }
            let error = await redisError { () async throws(RedisError) in
                try await client.waitUntilConnected(within: .seconds(1))
            }
            #expect(error?.code == .notConnected, "\(url)")
            #expect(error?.underlying != nil, "\(url)")
            running.cancel()
        }
        await server.stop()
    }
}

/// Certificates for one test, made with the openssl command.
private struct PKI {
    let directory: String

    func path(_ file: String) -> String { "\(directory)/\(file)" }

    /// An authority, a certificate of it for localhost, and another authority; `nil` without openssl.
    static func make() throws -> PKI? {
        let places = ["/usr/bin/openssl", "/usr/local/bin/openssl", "/opt/homebrew/bin/openssl"]
        guard let openssl = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
            return nil
        }
        let pki = PKI(directory: temporaryDirectory("pki"))
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
        try names.write(toFile: pki.path("names"), atomically: true, encoding: .utf8)
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        func run(_ arguments: [String]) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: openssl)
            process.arguments = arguments
            process.currentDirectoryURL = URL(fileURLWithPath: pki.directory)
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0, "openssl \(arguments)")
        }
        for name in ["ca", "other"] {
            try run(
                ["req", "-x509"] + key + ["-keyout", "\(name).key", "-out", "\(name).pem", "-subj", "/CN=\(name)"])
        }
        try run(["req"] + key + ["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"])
        try run([
            "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", "server.pem", "-extfile", "names",
        ])
        return pki
    }
}

/// What was logged.
private final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func add(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Keeps each line with its metadata.
private struct LineHandler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        lines.add("\(event.level) \(event.message) \(event.metadata ?? [:])")
    }
}
