// Descriptions of the system's error numbers.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Descriptions of system errors.
package enum SystemReason {
    /// The description of an error number.
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
}
