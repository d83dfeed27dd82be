// Failures of the network and the file system, as download errors.

import Glibc
import MartletJobs
import NIOCore
import NIOHTTP1
import NIOSSL

/// A failed system call.
struct SystemError: Error, Equatable, CustomStringConvertible {
    var call: String
    var code: Int32

    init(_ call: String, code: Int32 = errno) {
        self.call = call
        self.code = code
    }

    /// Whether no file can be made in the directory, whatever the file.
    var isOfDirectory: Bool {
        code == EROFS || code == ESTALE
            || [Self.openDirectory, Self.create].contains(call)
                && [EACCES, EPERM, ENOTDIR, ENOENT, ELOOP].contains(code)
    }

    static let openDirectory = "opening the directory"
    static let create = "create"

    var description: String { "\(call) failed: \(words)" }

    var words: String { String(cString: strerror(code)) }
}

extension DownloadError {
    /// The delay of a job when the disk is full or the directory cannot be written.
    static let diskFullWait = Duration.seconds(30)

    /// Converts a file system failure.
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
        case _ where error.isOfDirectory:
            // It is this worker's directory that cannot be used, so the download's retries are not used up for it.
            self.init(
                .storageFailed,
                "no file can be made in the download directory (\(error.words)); trying again in "
                    + "\(Self.diskFullWait.components.seconds) s",
                advice: .release(after: Self.diskFullWait))
        default:
            self = .transient(.storageFailed, "\(error.call) failed in the download directory: \(error.words)")
        }
    }

    /// Converts any failure of an attempt; `isConnected` tells whether a connection existed.
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
