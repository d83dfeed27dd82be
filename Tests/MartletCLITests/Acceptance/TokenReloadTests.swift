// The file of tokens while the server runs, and the listener for probes of a real server.

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

@Suite struct FileChangesTests {
    private static func look(_ text: String) -> [FileLook] {
        [.found(Data(text.utf8), FileRights(of: "/nowhere"))]
    }

    @Test func `a change is applied when it is seen twice, or on request`() {
        let (old, half, new) = (Self.look("old"), Self.look("ne"), Self.look("new"))
        var changes = FileChanges(old)
        let looks = [old, half, new, new, new, old, [.absent], [.absent]].map { changes.next($0, isAsked: false) }
        #expect(looks == [nil, nil, nil, new, nil, nil, nil, [.absent]])
        #expect(changes.next(old, isAsked: true) == old)
        #expect(changes.next(old, isAsked: true) == old, "who asks is answered in any case")
        #expect(changes.next(old, isAsked: false) == nil)
    }
}

@Suite(.serialized) struct TokenReloadTests {
    private struct Token {
        var line: String
        var secret: String
    }

    private static func token(_ name: String, in stack: TestStack) async throws -> Token {
        let made = try await stack.martlet("token", name, "--role", "read", "-o", "json").json
        return Token(line: try #require(made["line"].string), secret: try #require(made["token"].string))
    }

    private static func isLetIn(_ token: Token, _ stack: TestStack) async -> Bool {
        (try? await APIClient.with(stack.serverURL, token: token.secret) { try await $0.get("/api/v1/stats") }) != nil
    }

    @Test func `tokens are read again when their file changes and on SIGHUP, and a bad file changes nothing`()
        async throws
    {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let (old, new) = (try await Self.token("old", in: stack), try await Self.token("new", in: stack))
            let path = stack.directory + "/tokens"
            func write(_ text: String) throws {
                try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            }
            try write(old.line + "\n")
            let server = try await stack.serve(["AUTH_TOKENS_FILE": path, "LOG_FORMAT": "json"])
            #expect(await Self.isLetIn(old, stack))
            try write("\(new.line)\n")
            try await stack.until("the new token is valid and the old one is not") {
                let isNew = await Self.isLetIn(new, stack)
                return await !Self.isLetIn(old, stack) && isNew
            }
            for bad in ["\(new.line)\nnonsense\n", "", "\(old.line)\n\(old.line)\n"] {
                try write(bad)
                server.send(SIGHUP)
                try await stack.until("the log says why") {
                    stack.log("serve").contains("AUTH_TOKENS_FILE is invalid, keeping the previous tokens")
                }
                #expect(await Self.isLetIn(new, stack))
                #expect(await !Self.isLetIn(old, stack))
            }
            try write("\(old.line)\n\(new.line)\n")
            server.send(SIGHUP)
            try await stack.until("both are valid") {
                let isNew = await Self.isLetIn(new, stack)
                return await Self.isLetIn(old, stack) && isNew
            }
        }
    }

    /// As Kubernetes mounts a secret: a link to a link to a directory that is swapped as a whole.
    @Test func `a tokens file behind links is used, and a swapped link takes revoked tokens away`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let (old, new) = (try await Self.token("old", in: stack), try await Self.token("new", in: stack))
            let secret = stack.directory + "/secret"
            for (name, token) in [("..1", old), ("..2", new)] {
                try FileManager.default.createDirectory(atPath: "\(secret)/\(name)", withIntermediateDirectories: true)
                let file = "\(secret)/\(name)/tokens"
                try Data((token.line + "\n").utf8).write(to: URL(filePath: file))
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
            }
            #expect(symlink("..1", secret + "/..data") == 0 && symlink("..data/tokens", secret + "/tokens") == 0)
            try await stack.serve(["AUTH_TOKENS_FILE": secret + "/tokens"])
            #expect(await Self.isLetIn(old, stack))
            #expect(symlink("..2", secret + "/..new") == 0 && rename(secret + "/..new", secret + "/..data") == 0)
            try await stack.until("the new token is valid and the old one is not") {
                let isNew = await Self.isLetIn(new, stack)
                return await !Self.isLetIn(old, stack) && isNew
            }
        }
    }

    @Test func `a world-writable directory is found on the way through links`() throws {
        let scratch = try ScratchDirectory()
        let file = try scratch.write("x", to: "tokens")
        let link = scratch.path + "/link"
        #expect(symlink("./tokens", link) == 0)
        #expect(chmod(scratch.path, 0o755) == 0 && chmod(file, 0o600) == 0)
        #expect(FileRights(of: link) == FileRights(of: "/nowhere"))
        #expect(chmod(file, 0o602) == 0)
        #expect(FileRights(of: link).writable == file)
        #expect(chmod(file, 0o604) == 0)
        #expect(FileRights(of: link).everybodyReads && FileRights(of: link).writable == nil)
        #expect(chmod(scratch.path, 0o757) == 0)
        #expect(FileRights(of: link).writable == scratch.path)
        #expect(chmod(scratch.path, 0o1777) == 0)
        #expect(FileRights(of: link).writable == nil, "only its owner may replace a file there")
        #expect(symlink("loop", scratch.path + "/loop") == 0)
        #expect(FileRights(of: scratch.path + "/loop").everybodyReads == false)
    }

    @Test(arguments: ["serve", "work", "dev"])
    func `SIGHUP ends no process, and one without files to reload logs that`(command: String) async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let port = try await LoopbackPort.free()
            let name = command == "work" ? "WORKER_HTTP_PORT" : "HTTP_PORT"
            let process = try stack.start([command], [name: String(port)])
            // Earlier than this the process may not have come to the point where it hears signals.
            try await stack.until("it is ready") {
                try #require(process.status == nil, "\(stack.log(command))")
                return await (try? Self.get("/readyz", at: port)) != nil
            }
            process.send(SIGHUP)
            try await stack.until("the log says so") {
                stack.log(command).contains("there is nothing to read again")
            }
            _ = try await Self.get("/livez", at: port)
            #expect(process.status == nil)
        }
    }

    private static func get(_ path: String, at port: Int) async throws -> JSONValue {
        try await APIClient.with("http://127.0.0.1:\(port)", token: nil) { try await $0.get(path) }
    }

    @Test func `a server with a port for probes answers them there`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let port = try await LoopbackPort.free()
            try await stack.serve(["HTTP_PROBE_PORT": String(port)])
            // The two listeners start side by side.
            try await stack.until("the probes are answered") {
                await (try? Self.get("/readyz", at: port))?["status"].string == "ok"
            }
            await #expect(throws: (any Error).self) {
                try await APIClient.with("http://127.0.0.1:\(port)", token: nil) { try await $0.get("/api/v1/stats") }
            }
        }
    }
}
