// Why a TLS connection was refused, in plain words instead of the library's.

import FoundationEssentials
import NIOCore
import NIOSSL
import NIOTLS

/// Follows the TLS handler and converts its errors to download errors.
final class TLSFaultReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let host: String
    private var isEstablished = false

    init(host: String) { self.host = host }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { isEstablished = true }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The TLS handler reports the fault before it hands on the bytes of the same read that were in order.
        if isEstablished { context.pipeline.fireChannelReadComplete() }
        let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
        let fault = TLSFault(error, isEstablished: isEstablished) {
            handler?.peerCertificate.flatMap(CertificateFacts.init)
        }
        context.fireErrorCaught(fault?.failure(of: host, detail: "\(error)") ?? error)
    }
}

/// The fields of a certificate that can explain a refusal.
struct CertificateFacts: Equatable {
    /// Seconds since 1970.
    var notBefore: Int
    var notAfter: Int
    /// Whether the issuer equals the subject.
    var isSelfSigned: Bool

    init(notBefore: Int, notAfter: Int, isSelfSigned: Bool) {
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.isSelfSigned = isSelfSigned
    }

    init?(_ certificate: NIOSSLCertificate) {
        guard let bytes = try? certificate.toDERBytes() else { return nil }
        self.init(
            notBefore: certificate.notValidBefore, notAfter: certificate.notValidAfter,
            isSelfSigned: CertificateNames(der: bytes)?.areSame ?? false)
    }
}

/// The reasons that have their own message.
enum TLSFault: Equatable {
    case expired(at: Int)
    case notYetValid(until: Int)
    case selfSigned
    case unknownIssuer
    case wrongHost
    case oldVersion
    case noTLS
    case brokenOff
    /// After the handshake.
    case notTLSAnyMore
    case other

    /// The reason for an error; `nil` when it is not a TLS error.
    init?(
        _ error: any Error, isEstablished: Bool = false, now: Int = Int(Date().timeIntervalSince1970),
        facts: () -> CertificateFacts?
    ) {
        switch error {
        case NIOSSLError.uncleanShutdown: self = .brokenOff
        case is BoringSSLError where isEstablished: self = .notTLSAnyMore
        case let error as NIOSSLExtraError:
            self = error == .failedToValidateHostname ? .wrongHost : .other
        case is NIOSSLError, is BoringSSLError:
            // The library states its reasons only in its text.
            self = Self.reason(in: "\(error)") ?? .other
            if self == .unknownIssuer, let facts = facts() { self = Self.refusal(of: facts, at: now) }
        default: return nil
        }
    }

    private static func reason(in text: String) -> TLSFault? {
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return .unknownIssuer }
        if text.contains("UNSUPPORTED_PROTOCOL") || text.contains("PROTOCOL_VERSION") { return .oldVersion }
        if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") { return .noTLS }
        return text.contains("EOF during handshake") ? .brokenOff : nil
    }

    /// Why a certificate with these fields was refused.
    static func refusal(of facts: CertificateFacts, at now: Int) -> TLSFault {
        if facts.notAfter < now { return .expired(at: facts.notAfter) }
        if facts.notBefore > now { return .notYetValid(until: facts.notBefore) }
        return facts.isSelfSigned ? .selfSigned : .unknownIssuer
    }

    /// The error of the attempt; the library's text is logged only for unknown errors.
    func failure(of host: String, detail: String) -> DownloadError {
        let code: DownloadError.Code = self == .brokenOff ? .connectionLost : .tlsFailed
        return .transient(code, words(host), detail: self == .other || self == .notTLSAnyMore ? detail : nil)
    }

    private func words(_ host: String) -> String {
        switch self {
        case .expired(let date): "the certificate of \(host) expired on \(Self.day(date))"
        case .notYetValid(let date): "the certificate of \(host) is not valid before \(Self.day(date))"
        case .selfSigned: "the certificate of \(host) is self-signed and not trusted"
        case .unknownIssuer: "the certificate of \(host) was issued by an authority that is not trusted"
        case .wrongHost: "the server's certificate is not for \(host)"
        case .oldVersion: "\(host) speaks no TLS version that is still safe; 1.2 or newer is needed"
        case .noTLS: "\(host) does not speak TLS on that port"
        case .brokenOff: "the server closed the TLS connection before its end"
        case .notTLSAnyMore: "the TLS connection to \(host) broke: the server sent bytes that are not TLS"
        case .other: "the TLS connection to \(host) failed"
        }
    }

    private static func day(_ seconds: Int) -> String {
        String(Date(timeIntervalSince1970: Double(seconds)).ISO8601Format().prefix(10))
    }
}

/// The DER-encoded issuer and subject of a certificate.
struct CertificateNames {
    var issuer: ArraySlice<UInt8>
    var subject: ArraySlice<UInt8>

    var areSame: Bool { issuer == subject }

    init?(der: [UInt8]) {
        var outer = DERReader(bytes: der[...])
        guard let certificate = outer.next() else { return nil }
        var fields = DERReader(bytes: certificate.content)
        guard let signed = fields.next() else { return nil }
        var reader = DERReader(bytes: signed.content)
        // The version is optional, followed by serial number, algorithm, issuer, validity and subject.
        guard var field = reader.next() else { return nil }
        if field.tag == 0xA0 {
            guard let serial = reader.next() else { return nil }
            field = serial
        }
        guard field.tag == 0x02, reader.next() != nil, let issuer = reader.next(), reader.next() != nil,
            let subject = reader.next()
        else { return nil }
        self.issuer = issuer.content
        self.subject = subject.content
    }
}

/// Reads the elements of a DER sequence in order.
private struct DERReader {
    var bytes: ArraySlice<UInt8>

    mutating func next() -> (tag: UInt8, content: ArraySlice<UInt8>)? {
        guard let tag = bytes.popFirst(), let count = length(), count <= bytes.count else { return nil }
        let content = bytes.prefix(count)
        bytes = bytes.dropFirst(count)
        return (tag, content)
    }

    private mutating func length() -> Int? {
        guard let first = bytes.popFirst() else { return nil }
        guard first >= 0x80 else { return Int(first) }
        let digits = Int(first & 0x7F)
        guard (1...4).contains(digits), digits <= bytes.count else { return nil }
        return (0..<digits).reduce(0) { value, _ in value << 8 | Int(bytes.popFirst() ?? 0) }
    }
}
