// The certificate and private key with which a server speaks TLS; replaced as a whole while the server runs.

import NIOCore
import NIOSSL
import Synchronization

/// A certificate or key that a server cannot use.
public struct CertificateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what is expected.
    public let description: String

    /// Creates an error.
    ///
    /// - Parameter description: what is wrong and what is expected.
    public init(_ description: String) { self.description = description }
}

/// The certificate chain that a server presents, and its private key.
///
/// Every new connection uses the current pair; connections that are open keep theirs.
public final class ServerCertificate: Sendable {
    private struct State {
        var context: NIOSSLContext
        var expires: Int
    }

    private let state: Mutex<State>

    /// Creates a certificate.
    ///
    /// - Parameters:
    ///   - chain: PEM with the server's certificate first, and those between it and its authority behind it.
    ///   - key: PEM with the private key of the first certificate, not encrypted.
    /// - Throws: ``CertificateError`` for a pair that cannot be used. One that has expired can.
    public init(chain: [UInt8], key: [UInt8]) throws(CertificateError) {
        state = Mutex(try Self.state(chain, key))
    }

    /// When the first certificate of the chain expires, in seconds since 1970.
    public var expires: Int { state.withLock { $0.expires } }

    /// Uses another pair from now on; after an error the previous one stays.
    ///
    /// - Parameters:
    ///   - chain: PEM with the server's certificate first.
    ///   - key: PEM with its private key.
    /// - Throws: ``CertificateError`` for a pair that cannot be used.
    public func replace(chain: [UInt8], key: [UInt8]) throws(CertificateError) {
        let new = try Self.state(chain, key)
        state.withLock { $0 = new }
    }

    /// The settings of new connections.
    var context: NIOSSLContext { state.withLock { $0.context } }

    private static func state(_ chain: [UInt8], _ key: [UInt8]) throws(CertificateError) -> State {
        let certificates = (try? NIOSSLCertificate.fromPEMBytes(chain)) ?? []
        guard let soonest = certificates.map(\.notValidAfter).min() else {
            throw CertificateError("the certificate file has no certificate in PEM form")
        }
        guard let key = try? NIOSSLPrivateKey(bytes: key, format: .pem) else {
            throw CertificateError("the key file has no private key in PEM form without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        // A client that does not answer the end of a connection must not keep it.
        configuration.shutdownTimeout = .seconds(1)
        do { return State(context: try NIOSSLContext(configuration: configuration), expires: Int(soonest)) } catch {
            throw CertificateError("the key does not belong to the first certificate of the file")
        }
    }
}
