// Failures of the network and of the file system, in the words of a download.

import AsyncHTTPClient
import Glibc
import MartletJobs
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A call to the operating system that failed.
struct SystemError: Error, Equatable {
    var call: String
    var code: Int32

    init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    var words: String { String(cString: strerror(code)) }
}

extension DownloadError {
    /// How long a job waits when the disk is full.
    static let diskFullWait = Duration.seconds(30)

    /// A failure of the file system.
    init(_ error: SystemError) {
        switch error.code {
        case ENOSPC, EDQUOT:
            self.init(
                .diskFull,
                "no space is left in the download directory (\(error.words)); trying again in "
                    + "\(Self.diskFullWait.components.seconds) s",
                advice: .release(after: Self.diskFullWait))
        case EFBIG:
            self = .permanent(.tooLarge, "the file is larger than the file system or the process may write")
        default:
            self = .transient(.storageFailed, "\(error.call) failed in the download directory: \(error.words)")
        }
    }

    /// Any failure of an attempt; `isConnected` says whether the server had begun to answer.
    init(any error: any Error, isConnected: Bool, wait: Duration) {
        switch error {
        case let error as DownloadError: self = error
        case let error as SystemError: self.init(error)
        case let error as HTTPClientError: self = Self.client(error, wait: wait)
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self = .transient(.tlsFailed, "the TLS connection failed: \(error)")
        case is HTTPParserError:
            self = .transient(.connectionLost, "the server's answer broke off or is not HTTP: \(error)")
        case let error as IOError:
            let words = String(cString: strerror(error.errnoCode))
            self = .transient(isConnected ? .connectionLost : .connectFailed, "the connection failed: \(words)")
        default:
            self = .transient(isConnected ? .connectionLost : .connectFailed, "the connection failed: \(error)")
        }
    }

    private static func client(_ error: HTTPClientError, wait: Duration) -> DownloadError {
        switch error {
        case .deadlineExceeded, .readTimeout: .stalled(after: wait, "no answer")
        case .connectTimeout, .getConnectionFromPoolTimeout:
            .transient(.connectFailed, "the connection could not be made in time")
        case .tlsHandshakeTimeout: .transient(.tlsFailed, "the TLS handshake took too long")
        case .remoteConnectionClosed: .transient(.connectionLost, "the server closed the connection")
        case .alreadyShutdown:
            DownloadError(.shuttingDown, "the worker is ending", advice: .release(after: .zero))
        default: .transient(.connectionLost, "the transfer failed: \(error.shortDescription)")
        }
    }
}
