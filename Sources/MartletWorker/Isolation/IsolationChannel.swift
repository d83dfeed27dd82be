// The line between a worker and the process of an isolated job, over which frames go both ways.

import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One end of a socket pair over which frames go both ways.
///
/// It is no hot path: a process costs thousands of times what its frames do.
final class IsolationChannel: Sendable {
    /// What the other end says, until it is closed or says something that is no frame.
    let frames: AsyncStream<IsolationFrame>
    private let descriptor: Int32
    private let writes = DispatchQueue(label: "martlet.isolation.write")
    private let reads: Mutex<any DispatchSourceRead>
    private let continuation: AsyncStream<IsolationFrame>.Continuation
    /// What arrived.
    private let arrived = Mutex(IsolationFrames())

    /// Takes over the open descriptor.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        (frames, continuation) = AsyncStream.makeStream(of: IsolationFrame.self)
        let queue = DispatchQueue(label: "martlet.isolation.read")
        reads = Mutex(DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue))
        reads.withLock { [writes] reads in
            reads.setEventHandler { [weak self] in self?.read() }
            // What is still to be written goes first.
            reads.setCancelHandler { writes.async { close(descriptor) } }
            reads.resume()
        }
    }

    deinit { cancel() }

    private func cancel() { reads.withLock { $0.cancel() } }

    /// Two connected ends that no other child inherits; `nil` when the system has none left.
    static func pair() -> (ours: Int32, theirs: Int32)? {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// Sends a frame; what the other end no longer reads is dropped.
    func send(_ frame: IsolationFrame) {
        guard let bytes = IsolationFrames.bytes(of: frame) else { return }
        writes.async { [descriptor] in Self.write(bytes, to: descriptor) }
    }

    /// Waits until all that was sent has been written.
    func flush() { writes.sync {} }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = sendSome(descriptor, rest)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private func read() {
        var piece = [UInt8](repeating: 0, count: 65_536)
        // Dispatch tells only once of a line whose other end is gone, so all must be taken then, the end too.
        while true {
            let count = readSome(descriptor, into: &piece)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            guard count > 0, take(piece[..<count]) else {
                cancel()
                continuation.finish()
                return
            }
        }
    }

    /// Takes in what arrived; false for what is no frame.
    private func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        arrived.withLock { arrived in arrived.take(bytes) { continuation.yield($0) } }
    }
}

// The system's functions have names that the class has as well.

private func readSome(_ descriptor: Int32, into piece: inout [UInt8]) -> Int {
    piece.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) }
}

private func sendSome(_ descriptor: Int32, _ bytes: ArraySlice<UInt8>) -> Int {
    #if canImport(Darwin)
        let flags: Int32 = 0
    #else
        // A dead child must not end the worker with SIGPIPE.
        let flags = Int32(MSG_NOSIGNAL)
    #endif
    return bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) }
}
