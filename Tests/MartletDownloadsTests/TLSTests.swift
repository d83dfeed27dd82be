// Downloads over TLS: the certificate is checked against the name though the connection goes to a checked address.

import Foundation
import MartletJobs
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import MartletDownloads

@Suite struct TLSTests {
    /// A certificate for files.example that signs itself, and its key; good for nothing but this test.
    fileprivate static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBbTCCAROgAwIBAgIBATAKBggqhkjOPQQDAjAYMRYwFAYDVQQDDA1maWxlcy5l
        eGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAYMRYwFAYD
        VQQDDA1maWxlcy5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7Rzu
        iMBWA3IFZQc5iuvVSdR1T/KGIDSDj8ZhcN2cvyl/U+ehcZOHC2wRqH/hcGcl2d2W
        tPASmNGNF5baOoRcwqNMMEowGAYDVR0RBBEwD4INZmlsZXMuZXhhbXBsZTAPBgNV
        HRMBAf8EBTADAQH/MB0GA1UdDgQWBBRS+6+HTs407SnGAxV25wF+FfbdQjAKBggq
        hkjOPQQDAgNIADBFAiEAzW8wUe+tIhpEwr2cV4E+66qrj1vSLD243h8eHLwIdCcC
        IEZJ1XCZyzQS6yrYRpeeRXmpcGaM7agcTaRtDPbwgpU7
        -----END CERTIFICATE-----
        """
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVh0H9v+A3tpjc2Hw
        i4eRUTVCVcuPUIeorfeeiYDrcvOhRANCAATtHO6IwFYDcgVlBzmK69VJ1HVP8oYg
        NIOPxmFw3Zy/KX9T56Fxk4cLbBGof+FwZyXZ3Za08BKY0Y0Xlto6hFzC
        -----END PRIVATE KEY-----
        """

    private func secureOrigin(
        _ body: [UInt8], certificate: String = certificate, key: String = key,
        first: Reply.End? = nil, _ change: (inout TLSConfiguration) -> Void = { _ in }
    ) async throws -> Origin {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8))
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
        change(&settings)
        let context = try NIOSSLContext(configuration: settings)
        return try await Origin.start(tls: context) { asked, number in
            let reply = Origin.honest(asked, body, [("ETag", "\"v\"")])
            guard let first, number == 0 else { return reply }
            return reply.cut(after: 40_000, first)
        }
    }

    private func job(_ origin: Origin, host: String = "files.example") -> DownloadJob {
        DownloadJob(url: origin.url(host: host).replacing("http:", with: "https:"), filename: "a")
    }

    private let resolver = AddressResolver { _ in ["127.0.0.1"].compactMap(IPAddress.init) }

    private func settings(
        of harness: DownloadHarness, trusting certificate: String = certificate
    ) throws -> DownloadConfiguration {
        let roots = harness.path("roots.pem")
        try certificate.write(toFile: roots, atomically: true, encoding: .utf8)
        return harness.settings { $0.trustRootsFile = roots }
    }

    @Test func `a file arrives over TLS from a server whose certificate has the name`() async throws {
        let harness = try DownloadHarness()
        let body = content(700_000)
        let origin = try await secureOrigin(body)
        let result = try await harness.run(job(origin), settings: settings(of: harness), resolver: resolver)
        #expect(result.sha256 == sha256(body))
        #expect(origin.asked.first?.header("host") == "files.example:\(origin.port)")
        await origin.stop()
    }

    @Test func `bytes that arrive before garbage are kept, and the download continues behind them`() async throws {
        let harness = try DownloadHarness()
        let body = content(300_000)
        let origin = try await secureOrigin(body, first: .garbage)
        let (settings, broken) = (try settings(of: harness), TestRuntime())
        let error = await harness.failure(job(origin), runtime: broken, settings: settings, resolver: resolver)
        #expect(error?.code == .tlsFailed)
        #expect(error?.message == "the TLS connection to files.example broke: the server sent bytes that are not TLS")
        #expect(error?.retryAdvice == .uncharged, "it came forward")
        #expect(broken.received == 40_000)
        #expect(broken.checkpoint?.offset == 40_000)
        let result = try await harness.run(job(origin), after: broken, settings: settings, resolver: resolver)
        #expect(result.sha256 == sha256(body))
        #expect(origin.asked.last?.rangeStart == 40_000)
        #expect(origin.asked.last?.header("if-range") == "\"v\"")
        await origin.stop()
    }

    @Test func `a certificate of another name or an unknown authority sends no request`() async throws {
        let harness = try DownloadHarness()
        let origin = try await secureOrigin([1])
        for host in ["other.example", "127.0.0.1"] {
            let error = await harness.failure(
                job(origin, host: host), settings: try settings(of: harness), resolver: resolver)
            #expect(error?.code == .tlsFailed)
            #expect(error?.retryAdvice == .byPolicy)
        }
        #expect(await harness.failure(job(origin), resolver: resolver)?.code == .tlsFailed)
        #expect(origin.asked.isEmpty)
        await origin.stop()
    }

    @Test func `no TLS handshake is started with a refused address`() async throws {
        let harness = try DownloadHarness()
        let origin = try await secureOrigin([1])
        let looks = Counter()
        let error = await harness.failure(
            job(origin), settings: try settings(of: harness), resolver: resolver,
            policy: AddressPolicy { _ in looks.next() == 1 })
        #expect(error?.code == .resolveFailed)
        #expect(origin.bytesHeard == 0)
        await origin.stop()
    }

    @Test(arguments: [(TLSVersion.tlsv11, false), (.tlsv12, true), (.tlsv13, true)])
    func `only TLS 1.2 and newer are used`(version: TLSVersion, isAccepted: Bool) async throws {
        let harness = try DownloadHarness()
        let body = content(1000)
        let origin = try await secureOrigin(body) { settings in
            settings.minimumTLSVersion = .tlsv1
            settings.maximumTLSVersion = version
        }
        let settings = try settings(of: harness)
        if isAccepted {
            #expect(
                try await harness.run(job(origin), settings: settings, resolver: resolver).sha256 == sha256(body))
        } else {
            let error = await harness.failure(job(origin), settings: settings, resolver: resolver)
            #expect(error?.code == .tlsFailed)
            #expect(error?.message.contains("1.2 or newer is needed") == true)
            #expect(origin.asked.isEmpty)
        }
        await origin.stop()
    }

    /// Certificates that are refused, and how that is said.
    enum Refusal: CaseIterable, Sendable {
        case expired, early, unknownIssuer, otherHost

        var certificate: String {
            switch self {
            case .expired: TestCertificates.expired
            case .early: TestCertificates.early
            case .unknownIssuer, .otherHost: TestCertificates.good
            }
        }

        var roots: String { self == .unknownIssuer ? TLSTests.certificate : TestCertificates.authority }

        var host: String { self == .otherHost ? "other.example" : "files.example" }

        var words: String {
            switch self {
            case .expired: "the certificate of files.example expired on 2020-02-01"
            case .early: "the certificate of files.example is not valid before 2119-01-01"
            case .unknownIssuer: "the certificate of files.example was issued by an authority that is not trusted"
            case .otherHost: "the server's certificate is not for other.example"
            }
        }
    }

    @Test(arguments: Refusal.allCases)
    func `a refused certificate is reported with a clear reason`(refusal: Refusal) async throws {
        let harness = try DownloadHarness()
        let origin = try await secureOrigin([1], certificate: refusal.certificate, key: TestCertificates.key)
        let settings = try settings(of: harness, trusting: refusal.roots)
        let error = await harness.failure(job(origin, host: refusal.host), settings: settings, resolver: resolver)
        #expect(error?.code == .tlsFailed)
        #expect(error?.message == refusal.words)
        #expect(error?.detail == nil, "the library's own words add nothing")
        await origin.stop()
    }

    @Test func `a self-signed certificate and a server without TLS are reported as such`() async throws {
        let harness = try DownloadHarness()
        let origin = try await secureOrigin([1])
        let untrusting = try settings(of: harness, trusting: TestCertificates.authority)
        let error = await harness.failure(job(origin), settings: untrusting, resolver: resolver)
        #expect(error?.message == "the certificate of files.example is self-signed and not trusted")
        await origin.stop()
        let plain = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(PlainText400()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let url = "https://files.example:\(plain.localAddress?.port ?? 0)/"
        let noTLS = await harness.failure(
            DownloadJob(url: url, filename: "a"), settings: untrusting, resolver: resolver)
        #expect(noTLS?.message == "files.example does not speak TLS on that port")
        try await plain.close().get()
    }

    @Test func `a certificate authority that cannot be read is this worker's fault`() async throws {
        let harness = try DownloadHarness()
        let settings = harness.settings { $0.trustRootsFile = "/nonexistent/roots.pem" }
        let job = DownloadJob(url: "https://files.example/a", filename: "a")
        let error = await harness.failure(job, settings: settings, resolver: resolver)
        #expect(error?.code == .tlsFailed && error?.message.contains("cannot read the certificate") == true)
        #expect(error?.message.contains("roots.pem") == false)
    }

    @Test func `bytes that are no certificate yield no names`() {
        for bytes in [[], [0x30], [0x30, 0x84, 0xFF], [0x30, 0x02, 0x30, 0x00], [0x30, 0x80]] as [[UInt8]] {
            #expect(CertificateNames(der: bytes) == nil)
        }
    }
}

/// Answers whatever it is sent as a server without TLS does.
private final class PlainText400: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let text = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        context.writeAndFlush(wrapOutboundOut(text), promise: nil)
    }
}
