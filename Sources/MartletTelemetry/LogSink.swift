// The destination of log lines: one write per line under one lock, so that lines never interleave.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Accepts complete lines, including the line end.
public struct LogSink: Sendable {
    private let write: @Sendable ([UInt8]) -> Void

    /// Creates a sink.
    ///
    /// - Parameter write: called on any thread with one complete line.
    public init(_ write: @escaping @Sendable ([UInt8]) -> Void) { self.write = write }

    /// Writes a line.
    ///
    /// - Parameter line: the bytes, including the line end.
    public func callAsFunction(_ line: [UInt8]) { write(line) }

    /// The standard error of this process.
    public static let standardError = LogSink { bytes in
        lock.withLock { _ in writeAll(bytes, to: STDERR_FILENO) }
    }

    /// Whether standard error is a terminal.
    public static var standardErrorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    private static let lock = Mutex(())

    /// Writes everything, or gives up when nobody reads: logging must not stop the service.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let part = UnsafeRawBufferPointer(rebasing: rest)
                let count = send(part, to: descriptor)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count < 0, errno == EAGAIN || errno == EWOULDBLOCK {
                    guard waitUntilWritable(descriptor) else { return }
                } else if count < 0, errno == EINTR {
                    continue
                } else {
                    return
                }
            }
        }
    }

    private static func send(_ part: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
        #if canImport(Glibc)
            return Glibc.write(descriptor, part.baseAddress, part.count)
        #elseif canImport(Musl)
            return Musl.write(descriptor, part.baseAddress, part.count)
        #else
            return Darwin.write(descriptor, part.baseAddress, part.count)
        #endif
    }

    /// Waits for a slow reader, at most a second.
    private static func waitUntilWritable(_ descriptor: Int32) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&request, 1, 1000) > 0
    }
}
