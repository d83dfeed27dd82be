// The channel between a worker and the process of an isolated job; frames go both ways.

import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One end of a socket pair that carries frames both ways.
///
/// Not optimised: starting a process costs thousands of times more than its frames.
final class IsolationChannel: Sendable {
    /// The frames from the other end; finishes when it closes or sends an invalid frame.
    let frames: AsyncStream<IsolationFrame>
    private let descriptor: Int32
    private let writes = DispatchQueue(label: "martlet.isolation.write")
    private let reads: Mutex<any DispatchSourceRead>
    private let continuation: AsyncStream<IsolationFrame>.Continuation
    /// The received bytes.
    private let arrived = Mutex(IsolationFrames())

    /// Takes ownership of an open descriptor.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        (frames, continuation) = AsyncStream.makeStream(of: IsolationFrame.self)
        let queue = DispatchQueue(label: "martlet.isolation.read")
        reads = Mutex(DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue))
        reads.withLock { [writes] reads in
            reads.setEventHandler { [weak self] in self?.read() }
            // Pending writes finish first.
            reads.setCancelHandler { writes.async { close(descriptor) } }
            reads.resume()
        }
    }

    deinit { cancel() }

    private func cancel() { reads.withLock { $0.cancel() } }

    /// Two connected descriptors that other children do not inherit; `nil` when the system has none left.
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

    /// Sends a frame; drops it when the other end no longer reads.
    func send(_ frame: IsolationFrame) {
        guard let bytes = IsolationFrames.bytes(of: frame) else { return }
        writes.async { [descriptor] in Self.write(bytes, to: descriptor) }
    }

    /// Waits until everything sent so far is written.
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
        // Dispatch reports a closed peer only once, so everything must be read then, including the end.
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

    /// Processes received bytes; returns false for an invalid frame.
    private func take(_ bytes: ArraySlice<UInt8>) -> Bool {
        arrived.withLock { arrived in arrived.take(bytes) { continuation.yield($0) } }
    }
}

// System functions whose names the class's methods hide.

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
