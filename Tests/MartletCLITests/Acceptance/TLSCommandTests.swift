// A server with TLS as an operator runs it: files that change while it runs, the client's authority, metrics and doctor.

import FoundationEssentials
import MartletChecks
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

@Suite(.serialized) struct TLSCommandTests {
    private typealias Pem = ServerCertificates
    private static let metric = "martlet_tls_certificate_expiry_timestamp_seconds"

    /// The files of a server in the directory of a stack.
    private struct Files {
        let directory: String
        var certificate: String { directory + "/cert.pem" }
        var key: String { directory + "/key.pem" }
        var authority: String { directory + "/ca.pem" }
        var environment: [String: String] {
            ["HTTP_TLS_CERTIFICATE_FILE": certificate, "HTTP_TLS_KEY_FILE": key, "LOG_FORMAT": "json"]
        }

        init(_ directory: String) throws {
            self.directory = directory
            try Data(Pem.authority.utf8).write(to: URL(filePath: authority))
            try write(Pem.first, Pem.firstKey)
        }

        func write(_ leaf: String, _ secret: String) throws {
            for (path, text) in [(certificate, leaf + "\n" + Pem.intermediate), (key, secret)] {
                try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            }
        }
    }

    private static func serve(_ stack: TestStack, _ files: Files) async throws -> Subprocess {
        let server = try stack.start(["serve"], files.environment)
        try await stack.until("the server is ready") {
            try #require(server.status == nil, "\(stack.log("serve"))")
            return await (try? ask("/readyz", stack, files)) != nil
        }
        return server
    }

    private static func ask(_ path: String, _ stack: TestStack, _ files: Files) async throws -> JSONValue {
        let base = "https://localhost:\(stack.port)"
        return try await APIClient.with(base, token: nil, authorities: files.authority) { try await $0.get(path) }
    }

    /// When the server's certificate ends, as `/readyz?verbose` judges it.
    private static func finding(_ stack: TestStack, _ files: Files) async throws -> String? {
        let ready = try await ask("/readyz?verbose", stack, files)
        return ready["findings"].array?.first { $0["check"].string == CertificateTerm.name }?["result"].string
    }

    /// The time in the metrics, which curl gets.
    private static func end(_ stack: TestStack, _ files: Files) async throws -> String? {
        let answer = try await CommandResult.of(
            "/usr/bin/env", ["curl", "-s", "--cacert", files.authority, "https://localhost:\(stack.port)/metrics"],
            environment: stack.environment, in: stack.directory)
        return answer.output.split(separator: "\n").first { $0.hasPrefix(metric + " ") }
            .map { String($0.dropFirst(metric.count + 1)) }
    }

    @Test func `commands reach a server with TLS by the authority's file, and one without TLS says why they do not`()
        async throws
    {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let files = try Files(stack.directory)
            _ = try await Self.serve(stack, files)
            let url = "https://localhost:\(stack.port)"
            let pushed = try await stack.martlet(
                "enqueue", "mail", "--queue", "q", "--server", url, "--ca-file", files.authority)
            #expect(pushed.status == 0, "\(pushed.errors)")
            let listed = try await stack.martlet(
                "queue", "list", environment: ["MARTLET_SERVER": url, "MARTLET_CA_FILE": files.authority])
            #expect(listed.status == 0 && listed.output.contains("q"), "\(listed.errors)")
            let untrusted = try await stack.martlet("queue", "list", "--server", url)
            #expect(untrusted.status == 69 && untrusted.errors.contains("not trusted"), "\(untrusted.errors)")
            let plain = try await stack.martlet("queue", "list")
            #expect(plain.status == 1 && plain.errors.contains("this port speaks TLS"), "\(plain.errors)")
            let unread = try await stack.martlet(
                "queue", "list", "--server", url, "--ca-file", files.key)
            #expect(unread.status == 64 && unread.errors.contains(files.key), "\(unread.errors)")
        }
    }

    @Test func `a changed pair is used, on SIGHUP too, and one that cannot be used keeps the old one`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let files = try Files(stack.directory)
            let server = try await Self.serve(stack, files)
            #expect(try await Self.finding(stack, files) == "ok")
            #expect(try await Self.end(stack, files) == "4733510400")
            try files.write(Pem.second, Pem.secondKey)
            try await stack.until("the new pair is used") { try await Self.end(stack, files) == "4701974400" }
            for (certificate, key, reason) in [
                (Pem.second, Pem.firstKey, "does not belong"), (Pem.expired, Pem.secondKey, "has expired"),
                (Pem.second, Pem.lockedKey, "without a passphrase"),
            ] {
                try files.write(certificate, key)
                server.send(SIGHUP)
                try await stack.until("the log says: \(reason)") {
                    stack.log("serve").contains("keeping the previous one") && stack.log("serve").contains(reason)
                }
                #expect(try await Self.end(stack, files) == "4701974400")
            }
            try files.write(Pem.first, Pem.firstKey)
            server.send(SIGHUP)
            try await stack.until("the first pair is used again") { try await Self.end(stack, files) == "4733510400" }
        }
    }

    @Test func `doctor judges the files, and a server does not start with those that it cannot use`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 1)) { stack in
            let files = try Files(stack.directory)
            func judged() async throws -> JSONValue {
                let answer = try await stack.martlet("doctor", "-o", "json", environment: files.environment)
                return answer.json["checks"].array?.first { $0["check"].string == CertificateTerm.name } ?? .null
            }
            #expect(try await judged()["result"].string == "ok")
            try files.write(Pem.expired, Pem.secondKey)
            #expect(try await judged()["value"].string == "has expired")
            #expect(try await judged()["result"].string == "failed")
            try files.write(Pem.first, Pem.secondKey)
            #expect(try await judged()["result"].string == "failed")
            let refused = try await stack.martlet("serve", environment: files.environment)
            #expect(refused.status == 78 && refused.errors.contains("does not belong"), "\(refused.errors)")
        }
    }

    @Test(arguments: [
        (-1, "failed", "has expired"), (0, "failed", "has expired"), (1, "warning", "expires today"),
        (86_400, "warning", "expires in 1 day"), (14 * 86_400 - 1, "warning", "expires in 13 days"),
        (14 * 86_400, "ok", "expires in 14 days"),
    ])
    func `a certificate is warned of two weeks before its end`(left: Int, result: String, text: String) {
        let term = CertificateTerm(1_000_000 + left, now: 1_000_000)
        #expect(term.result.rawValue == result && term.text == text)
    }
}
