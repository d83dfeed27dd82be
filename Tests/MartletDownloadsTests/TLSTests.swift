// Downloads over TLS: the certificate is checked against the name though the connection goes to a checked address.

import Foundation
import MartletJobs
import NIOSSL
import Testing

@testable import MartletDownloads

@Suite struct TLSTests {
    /// A certificate for files.example that signs itself, and its key; good for nothing but this test.
    private static let certificate = """
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

    private func secureOrigin(_ body: [UInt8]) async throws -> Origin {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(Self.certificate.utf8))
        let settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(Self.key.utf8), format: .pem)))
        let context = try NIOSSLContext(configuration: settings)
        return try await Origin.start(tls: context) { asked, _ in Origin.honest(asked, body, [("ETag", "\"v\"")]) }
    }

    private func job(_ origin: Origin, host: String = "files.example") -> DownloadJob {
        DownloadJob(url: origin.url(host: host).replacing("http:", with: "https:"), filename: "a")
    }

    private let resolver = AddressResolver { _ in ["127.0.0.1"].compactMap(IPAddress.init) }

    private func settings(of bench: Bench) throws -> DownloadConfiguration {
        let roots = bench.path("roots.pem")
        try Self.certificate.write(toFile: roots, atomically: true, encoding: .utf8)
        return bench.settings { $0.trustRootsFile = roots }
    }

    @Test func `a file arrives over TLS from a server whose certificate has the name`() async throws {
        let bench = try Bench()
        let body = content(700_000)
        let origin = try await secureOrigin(body)
        let result = try await bench.run(job(origin), settings: settings(of: bench), resolver: resolver)
        #expect(result.sha256 == sha256(body))
        #expect(origin.asked.first?.header("host") == "files.example:\(origin.port)")
        await origin.stop()
    }

    @Test func `a certificate of another name or an unknown authority sends no request`() async throws {
        let bench = try Bench()
        let origin = try await secureOrigin([1])
        for host in ["other.example", "127.0.0.1"] {
            let error = await bench.failure(
                job(origin, host: host), settings: try settings(of: bench), resolver: resolver)
            #expect(error?.code == .tlsFailed)
            #expect(error?.retryAdvice == .byPolicy)
        }
        #expect(await bench.failure(job(origin), resolver: resolver)?.code == .tlsFailed)
        #expect(origin.asked.isEmpty)
        await origin.stop()
    }

    @Test func `a refused address hears nothing of TLS`() async throws {
        let bench = try Bench()
        let origin = try await secureOrigin([1])
        let looks = Counter()
        let error = await bench.failure(
            job(origin), settings: try settings(of: bench), resolver: resolver,
            policy: AddressPolicy { _ in looks.next() == 1 })
        #expect(error?.code == .addressRefused)
        #expect(origin.bytesHeard == 0)
        await origin.stop()
    }
}
