// Plain words for system error numbers and library errors.

import FoundationEssentials
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reasons in plain words.
package enum SystemReason {
    /// The meaning of a system error number.
    package static func text(_ number: Int32) -> String {
        switch number {
        case ENOENT: "there is no such file or directory"
        case EACCES, EPERM: "this user is not allowed to"
        case EISDIR: "it is a directory"
        case ENOTDIR: "a part of the path is not a directory"
        case EADDRINUSE: "another process uses that port"
        case EADDRNOTAVAIL: "this machine does not have that address"
        case ECONNREFUSED: "nothing listens there"
        case ECONNRESET, EPIPE: "the other side closed the connection"
        case ETIMEDOUT: "there was no answer in time"
        case EHOSTUNREACH, ENETUNREACH: "there is no route to that address"
        case ENOSPC, EDQUOT: "there is no space left on the disk"
        case EROFS: "the file system is read-only"
        case EMFILE, ENFILE: "too many files are open"
        case ENAMETOOLONG: "the name is too long"
        case EIO: "the disk reports an error"
        default: "the system reports error \(number)"
        }
    }

    /// The meaning of a library error, without the library's text.
    package static func text(_ error: any Error) -> String {
        switch error {
        case let error as IOError: text(error.errnoCode)
        case is NIOConnectionError: "no connection could be made"
        case is SocketAddressError, is SocketAddressError.UnknownHost: "there is no such host"
        case let error as CocoaError: text(of: error)
        case is CancellationError: "it was cancelled"
        case is DecodingError, is EncodingError: "its form is not the expected one"
        default: "an unexpected error of the kind \(type(of: error))"
        }
    }

    private static func text(of error: CocoaError) -> String {
        switch error.code {
        case .fileNoSuchFile, .fileReadNoSuchFile: text(ENOENT)
        case .fileReadNoPermission, .fileWriteNoPermission: text(EACCES)
        case .fileWriteOutOfSpace: text(ENOSPC)
        case .fileWriteVolumeReadOnly: text(EROFS)
        case .fileWriteFileExists: "there is a file of that name"
        default: "a file cannot be read or written"
        }
    }
}
