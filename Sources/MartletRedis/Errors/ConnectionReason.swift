// Reasons for connection failures in plain words; no library text reaches logs or terminals.

import NIOCore
import NIOPosix
import NIOSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The reasons for connection failures.
enum ConnectionReason {
    /// The reason for a channel error, phrased as the end of a sentence.
    static func text(_ error: any Error) -> String {
        switch error {
        case let error as RedisError: error.message
        case let error as NIOConnectionError: text(error)
        case let error as IOError: text(error.errnoCode)
        case is SocketAddressError.UnknownHost: "there is no such host"
        case SocketAddressError.unixDomainSocketPathTooLong: "the path of the socket is too long"
        case is SocketAddressError: "the address is invalid"
        case let error as NIOSSLExtraError: text(error)
        case is NIOSSLError, is BoringSSLError: textOfTLS("\(error)")
        case let error as ChannelError: text(error)
        default: "an unexpected error of the kind \(type(of: error))"
        }
    }

    private static func text(_ error: NIOConnectionError) -> String {
        if let last = error.connectionErrors.last { return text(last.error) }
        return error.dnsAError == nil && error.dnsAAAAError == nil
            ? "there was no answer in time" : "the name \(error.host) cannot be resolved"
    }

    private static func text(_ number: Int32) -> String {
        switch number {
        case ECONNREFUSED: "nothing listens there"
        case ENOENT: "there is no such socket"
        case EACCES, EPERM: "this user is not allowed to"
        case ECONNRESET, EPIPE: "the other side closed the connection"
        case ETIMEDOUT: "there was no answer in time"
        case EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL: "there is no route to that address"
        case EMFILE, ENFILE: "too many files are open"
        default: "the system reports error \(number)"
        }
    }

    private static func text(_ error: ChannelError) -> String {
        switch error {
        case .connectTimeout: "there was no answer in time"
        case .eof, .inputClosed, .outputClosed, .ioOnClosedChannel, .alreadyClosed:
            "the other side closed the connection"
        default: "an unexpected state of the connection"
        }
    }

    private static func text(_ error: NIOSSLExtraError) -> String {
        error == .failedToValidateHostname
            ? "TLS failed: the certificate is for another name" : "TLS failed: the certificate is not accepted"
    }

    /// The parts of the library's text that distinguish common failures.
    private static func textOfTLS(_ words: String) -> String {
        if words.contains("CERTIFICATE_VERIFY_FAILED") || words.contains("unableToValidateCertificate") {
            return "TLS failed: the certificate is out of date, self-signed or of an issuer that is not trusted here"
        }
        if words.contains("WRONG_VERSION_NUMBER") || words.contains("PACKET_LENGTH") {
            return "TLS failed: the other side does not speak TLS"
        }
        if words.contains("uncleanShutdown") { return "the other side closed the connection" }
        return "TLS failed: the two sides do not agree on how to speak"
    }
}
