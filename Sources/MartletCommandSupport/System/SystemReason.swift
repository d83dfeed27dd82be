// Plain words for errors of libraries.

import FoundationEssentials
package import MartletProcess
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension SystemReason {
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
