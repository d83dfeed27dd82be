// Failures of the network and of the file system, in the words of a download.

import Glibc
import MartletJobs
import NIOCore
import NIOHTTP1
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

    /// Any failure of an attempt; `isConnected` says whether a connection had been made.
    init(any error: any Error, isConnected: Bool) {
        let code: Code = isConnected ? .connectionLost : .connectFailed
        switch error {
        case let error as DownloadError: self = error
        case let error as SystemError: self.init(error)
        case NIOSSLError.uncleanShutdown:
            self = .transient(code, "the server closed the TLS connection before its end")
        case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
            self = .transient(.tlsFailed, "the TLS connection failed", detail: "\(error)")
        case is HTTPParserError:
            self = .transient(code, "the server's answer broke off or is not HTTP", detail: "\(error)")
        case ChannelError.connectTimeout:
            self = .transient(code, "the connection could not be made in time")
        case let error as IOError:
            self = .transient(code, "the connection failed: \(String(cString: strerror(error.errnoCode)))")
        default:
            self = .transient(code, "the connection failed", detail: "\(error)")
        }
    }
}
