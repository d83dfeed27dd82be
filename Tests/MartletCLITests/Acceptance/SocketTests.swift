// A server on a Unix socket: its clients, its permissions, and the files that it finds and leaves.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import TestSupport
import Testing

@testable import MartletCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite(.serialized) struct SocketTests {
    private static func with(_ body: @Sendable (TestStack, String) async throws -> Void) async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            try await body(stack, stack.directory + "/m.sock")
        }
    }

    private static func serve(
        _ stack: TestStack, _ path: String, _ more: [String: String] = [:]
    ) async throws -> Subprocess {
        let server = try stack.start(["serve"], ["HTTP_SOCKET": path].merging(more) { $1 })
        try await stack.until("the server is ready") {
            try #require(server.status == nil, "\(stack.log("serve"))")
            return await (try? ready(path)) ?? false
        }
        return server
    }

    private static func ready(_ path: String) async throws -> Bool {
        try await APIClient.with("unix://\(path)", token: nil) { try await $0.get("/readyz") }["status"].string == "ok"
    }

    private static func mode(_ path: String) -> mode_t? {
        var facts = stat()
        return lstat(path, &facts) == 0 ? facts.st_mode : nil
    }

    @Test func `commands and curl reach it, and its file has the permissions and goes with the server`() async throws {
        try await Self.with { stack, path in
            let server = try await Self.serve(stack, path, ["HTTP_SOCKET_MODE": "660"])
            #expect(Self.mode(path) == S_IFSOCK | 0o660)
            let url = "unix://\(path)"
            let pushed = try await stack.martlet("enqueue", "mail", "--queue", "q", "--server", url)
            #expect(pushed.status == 0, "\(pushed.errors)")
            let listed = try await stack.martlet("queue", "list", environment: ["MARTLET_SERVER": url])
            #expect(listed.status == 0 && listed.output.contains("q"), "\(listed.errors)")
            let curled = try await CommandResult.of(
                "/usr/bin/env", ["curl", "-s", "--unix-socket", path, "http://localhost/api/v1/queues"],
                environment: stack.environment, in: stack.directory)
            #expect(curled.json["queues"].array?.isEmpty == false, "\(curled.output)")
            let foreign = try await CommandResult.of(
                "/usr/bin/env", ["curl", "-s", "--unix-socket", path, "http://evil.example/api/v1/queues"],
                environment: stack.environment, in: stack.directory)
            #expect(foreign.json["code"].string == "foreign-host")
            let closed = await (try? stack.get("/readyz")) == nil
            #expect(closed, "there is no port")
            server.send(SIGTERM)
            #expect(await server.wait(within: .seconds(60)) == 0)
            #expect(Self.mode(path) == nil)
            let gone = try await stack.martlet("queue", "list", "--server", url)
            #expect(gone.status == 69 && gone.errors.contains("no server at \(url)"), "\(gone.errors)")
        }
    }

    @Test func `the file of a killed server is replaced, and that of a living one is not`() async throws {
        try await Self.with { stack, path in
            let first = try await Self.serve(stack, path)
            #expect(Self.mode(path) == S_IFSOCK | 0o600)
            let second = try await stack.martlet("serve", environment: ["HTTP_SOCKET": path])
            #expect(second.status == 69 && second.errors.contains("another process listens"), "\(second.errors)")
            #expect(try await Self.ready(path))
            first.send(SIGKILL)
            _ = await first.wait(within: .seconds(60))
            #expect(Self.mode(path) != nil, "a killed process leaves it")
            _ = try await Self.serve(stack, path)
        }
    }

    @Test func `a file of another kind is not touched, and a file in the place of the socket is left`() async throws {
        try await Self.with { stack, path in
            try Data("precious".utf8).write(to: URL(filePath: path))
            let refused = try await stack.martlet("serve", environment: ["HTTP_SOCKET": path])
            #expect(refused.status == 69 && refused.errors.contains("another kind"), "\(refused.errors)")
            #expect(TestStack.text(path) == "precious")
            let other = stack.directory + "/n.sock"
            let server = try await Self.serve(stack, other)
            #expect(rename(path, other) == 0)
            server.send(SIGTERM)
            #expect(await server.wait(within: .seconds(60)) == 0)
            #expect(TestStack.text(other) == "precious")
        }
    }

    @Test func `a socket needs no tokens and takes no certificate`() throws {
        try ServiceSettings.load(environment: ["HTTP_SOCKET": "/s", "HTTP_HOST": "0.0.0.0"]).checkServer()
        let both = ["HTTP_SOCKET": "/s", "HTTP_TLS_CERTIFICATE_FILE": "/c", "HTTP_TLS_KEY_FILE": "/k"]
        let settings = try ServiceSettings.load(environment: both)
        let error = #expect(throws: ConfigurationError.self) { try settings.checkServer() }
        #expect(error?.problems.first?.description.hasPrefix("HTTP_SOCKET=/s: has no TLS") == true)
        for bad in ["relative", "/" + String(repeating: "x", count: 103), "/a\0b"] {
            #expect(throws: ConfigurationError.self) { try ServiceSettings.load(environment: ["HTTP_SOCKET": bad]) }
        }
        for bad in ["0", "599", "1000", "888", "rw"] {
            #expect(throws: ConfigurationError.self) {
                try ServiceSettings.load(environment: ["HTTP_SOCKET_MODE": bad])
            }
        }
        #expect(DevEnvironment.base(HTTPSettings(host: "::1", port: 1, socket: "/s"), port: 0) == "unix:///s")
        #expect(DevEnvironment.base(HTTPSettings(host: "::1", port: 1), port: 81) == "http://[::1]:81")
    }
}
