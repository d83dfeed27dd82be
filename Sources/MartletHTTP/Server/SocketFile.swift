// The file of a Unix socket: who may connect, and what happens to a file that a dead process left.

import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A server cannot listen on a Unix socket.
public struct SocketFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String
}

/// The file of a listening Unix socket.
struct SocketFile: Sendable {
    /// Identifies a file whatever its name leads to later.
    private struct Identity: Equatable {
        var device: UInt64
        var number: UInt64
    }

    let path: String
    /// The permissions, such as 0o600; to connect needs the right to write.
    let mode: Int

    /// Removes the file of a process that has ended; throws when another process listens there or it is no socket.
    func clear() async throws {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return }
        guard facts.st_mode & S_IFMT == S_IFSOCK else {
            throw SocketFileError(
                description: "HTTP_SOCKET is \(path), which is a file of another kind; remove it or name another path")
        }
        guard try await isDead() else {
            throw SocketFileError(
                description: "HTTP_SOCKET is \(path), where another process listens; stop it or name another path")
        }
        unlink(path)
    }

    /// Whether nobody listens on the socket.
    ///
    /// A process that is only too busy to answer is alive.
    private func isDead() async throws -> Bool {
        do {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            try await bootstrap.connect(unixDomainSocketPath: path).get().close().get()
            return false
        } catch let error as IOError { return error.errnoCode == ECONNREFUSED || error.errnoCode == ENOENT }
    }

    /// Sets the permissions of the socket that listens now, and remembers which file it is.
    ///
    /// - Returns: removes the file when the server has ended, unless another one is in its place.
    func open() throws -> @Sendable () -> Void {
        guard chmod(path, mode_t(mode)) == 0, let own = identity else {
            throw SocketFileError(description: "the permissions of HTTP_SOCKET \(path) cannot be set")
        }
        return { if identity == own { unlink(path) } }
    }

    private var identity: Identity? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        return Identity(
            device: UInt64(truncatingIfNeeded: facts.st_dev), number: UInt64(truncatingIfNeeded: facts.st_ino))
    }
}
