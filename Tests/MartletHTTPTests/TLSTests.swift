// TLS on a real socket: versions, the chain, a certificate that is replaced, and plain HTTP on the port.

import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct TLSTests {
    private typealias Pem = ServerCertificates

    private static func bytes(_ parts: String...) -> [UInt8] { Array(parts.joined(separator: "\n").utf8) }

    private static func first() throws -> ServerCertificate {
        try ServerCertificate(chain: bytes(Pem.first, Pem.intermediate), key: bytes(Pem.firstKey))
    }

    /// A client that trusts the authority of the tests.
    private static func client(
        _ change: (inout TLSConfiguration) -> Void = { _ in }
    ) throws -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(bytes(Pem.authority)))
        change(&tls)
        var configuration = HTTPClient.Configuration(tlsConfiguration: tls)
        configuration.connectionPool.retryConnectionEstablishment = false
        // On a busy machine a handshake may take long.
        configuration.timeout.connect = .seconds(60)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func get(
        _ path: String, from server: TestServer, by client: HTTPClient
    ) async throws -> (status: UInt, body: String, headers: [(String, String)]) {
        let request = HTTPClientRequest(url: "https://localhost:\(server.port)\(path)")
        let response = try await client.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1 << 24)
        return (response.status.code, String(buffer: body), response.headers.map { ($0.name, $0.value) })
    }

    /// The name in the certificate that the server presents to a new connection.
    private static func name(at port: Int) async throws -> String {
        let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: String.self)
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        let context = try NIOSSLContext(configuration: configuration)
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connectTimeout(.seconds(60))
        let channel = try await bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let handler = try NIOSSLClientHandler(
                    context: context, serverHostname: "localhost",
                    customVerificationCallback: { certificates, verdict in
                        promise.succeed(certificates.first.map { "\($0)" } ?? "")
                        verdict.succeed(.certificateVerified)
                    })
                try channel.pipeline.syncOperations.addHandler(handler)
            }
        }.connect(host: "127.0.0.1", port: port).get()
        // A connection that ends before it has a certificate must not be waited for.
        channel.closeFuture.whenComplete { _ in promise.fail(ChannelError.eof) }
        let text = try await promise.futureResult.get()
        try? await channel.close().get()
        return text
    }

    @Test func `requests, large answers and a login go through TLS, and the cookie is secure`() async throws {
        let token = try AccessToken(name: "ada", roles: [.admin])
        try await withServer(tokens: token.line, certificate: try Self.first()) { server in
            let client = try Self.client()
            let document = try await Self.get("/openapi.json", from: server, by: client)
            #expect(document.status == 200 && document.body.utf8.count > 100_000)
            var login = HTTPClientRequest(url: "https://127.0.0.1:\(server.port)/api/session")
            login.method = .POST
            login.headers.add(name: "content-type", value: "application/json")
            login.body = .bytes(Array(#"{"token":"\#(token.secret)"}"#.utf8))
            let response = try await client.execute(login, timeout: .seconds(60))
            #expect(response.status == .ok)
            #expect(response.headers.first(name: "set-cookie")?.contains("; Secure") == true)
            try await client.shutdown()
        }
    }

    @Test func `TLS 1_2 is accepted, and an older version and a client that does not trust the authority are not`()
        async throws
    {
        try await withServer(certificate: try Self.first()) { server in
            let changes: [(isAccepted: Bool, change: @Sendable (inout TLSConfiguration) -> Void)] = [
                (true, { $0.maximumTLSVersion = .tlsv12 }), (true, { $0.minimumTLSVersion = .tlsv13 }),
                (false, { ($0.minimumTLSVersion, $0.maximumTLSVersion) = (.tlsv1, .tlsv11) }),
                (false, { $0.trustRoots = .certificates([]) }),
            ]
            for (isAccepted, change) in changes {
                let client = try Self.client(change)
                if isAccepted {
                    #expect(try await Self.get("/livez", from: server, by: client).status == 200)
                } else {
                    let error = await #expect(throws: (any Error).self) {
                        try await Self.get("/livez", from: server, by: client)
                    }
                    #expect(error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError)
                }
                try await client.shutdown()
            }
        }
    }

    @Test func `plain HTTP on the port is told to use TLS, and other bytes end the connection`() async throws {
        try await withServer(certificate: try Self.first()) { server in
            let text = try await RawConnection(port: server.port).exchange(["GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"])
            #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            #expect(text.contains(#""code":"needs-tls""#))
            let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
            #expect(text.contains("content-length: \(parts.last?.utf8.count ?? 0)\r\n"))
            let noise = try await RawConnection(port: server.port).exchange(bytes: [0, 1, 2, 3, 4, 5, 6, 7])
            #expect(!noise.hasPrefix("HTTP/1.1 200"))
            let client = try Self.client()
            #expect(try await Self.get("/livez", from: server, by: client).status == 200)
            try await client.shutdown()
        }
    }

    @Test func `a client that begins no handshake is closed at the deadline of a head`() async throws {
        try await withServer(
            settings: { $0.headDeadline = .milliseconds(200) }, certificate: try Self.first()
        ) { server in
            let silent = try await RawConnection(port: server.port).exchange([])
            #expect(silent == "")
            // A part of a handshake message: its header announces 512 bytes.
            let slow = try await RawConnection(port: server.port).exchange(bytes: [22, 3, 1, 2, 0, 1])
            #expect(slow.count < 64)
        }
    }

    @Test func `new connections get the new certificate, open ones go on, and a bad pair changes nothing`()
        async throws
    {
        let certificate = try Self.first()
        try await withServer(certificate: certificate) { server in
            let old = try Self.client()
            #expect(try await Self.get("/livez", from: server, by: old).status == 200)
            let name = try await Self.name(at: server.port)
            for (chain, key) in [
                (Pem.second, Pem.firstKey), (Pem.first, "nonsense"), ("nonsense", Pem.firstKey), ("", ""),
                (Pem.first, Pem.lockedKey),
            ] {
                #expect(throws: CertificateError.self) {
                    try certificate.replace(chain: Self.bytes(chain), key: Self.bytes(key))
                }
            }
            #expect(try await Self.name(at: server.port) == name)
            try certificate.replace(
                chain: Self.bytes(Pem.second, Pem.intermediate), key: Self.bytes(Pem.secondKey))
            #expect(try await Self.name(at: server.port) != name)
            #expect(try await Self.get("/livez", from: server, by: old).status == 200)
            let new = try Self.client()
            #expect(try await Self.get("/livez", from: server, by: new).status == 200)
            try await old.shutdown()
            try await new.shutdown()
        }
    }

    @Test func `the end of a certificate is the first end in its chain`() throws {
        let certificate = try Self.first()
        #expect(certificate.expires == 4_733_510_400)
        try certificate.replace(
            chain: Self.bytes(Pem.expired, Pem.intermediate), key: Self.bytes(Pem.secondKey))
        #expect(certificate.expires == 1_580_515_200)
    }
}
