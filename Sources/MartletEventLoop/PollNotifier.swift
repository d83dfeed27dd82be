// Schedules a callback after the event loop's next poll, so that queued tasks cannot starve socket I/O.

import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Calls back on an event loop after the loop has polled all its sockets.
///
/// A loop runs everything that is due before it polls again, so a timer does not guarantee a poll: on a slow machine
/// the timer may be due by then. A byte in a pipe is found only by polling, together with the other sockets.
///
/// The pipe is created on first use; if that fails, a short timer replaces it.
final class PollNotifier: Sendable {
    private struct State {
        var pipe: (any Channel)?
        var isAsked = false
    }

    private static let pause = TimeAmount.microseconds(10)

    private let loop: any EventLoop
    private let listener = PollListener()
    private let state = Mutex(State())

    init(_ loop: any EventLoop) { self.loop = loop }

    deinit { state.withLock { $0.pipe.take() }?.close(promise: nil) }

    /// Calls `body` on the loop after its next poll; call it on the loop, and only after the previous callback has run.
    func afterNextPoll(_ body: @escaping @Sendable () -> Void) {
        listener.listen(body)
        let (pipe, isFirst) = state.withLock { state in
            defer { state.isAsked = true }
            return (state.pipe, !state.isAsked)
        }
        if let pipe, pipe.isActive { return Self.notify(pipe) }
        if !isFirst || !open() { loop.scheduleTask(in: Self.pause) { [listener] in listener.fire() } }
    }

    private static func notify(_ pipe: any Channel) { pipe.writeAndFlush(ByteBuffer(integer: UInt8(0)), promise: nil) }

    /// Creates the pipe and writes to it; returns false when no pipe can be created.
    private func open() -> Bool {
        guard let bootstrap = NIOPipeBootstrap(validatingGroup: loop), let ends = Self.ends() else { return false }
        bootstrap
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { [listener] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PollListenerHandler(listener))
                }
            }
            .takingOwnershipOfDescriptors(input: ends.read, output: ends.write)
            .whenComplete { [weak self, listener, loop] result in
                guard case .success(let pipe) = result else {
                    close(ends.read)
                    close(ends.write)
                    loop.scheduleTask(in: Self.pause) { listener.fire() }
                    return
                }
                guard let self else { return pipe.close(promise: nil) }
                self.state.withLock { $0.pipe = pipe }
                Self.notify(pipe)
            }
        return true
    }

    /// Both ends of a new pipe that child processes do not inherit.
    private static func ends() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}

/// Holds the waiting callback.
private final class PollListener: Sendable {
    private let body = Mutex<(@Sendable () -> Void)?>(nil)

    func listen(_ body: @escaping @Sendable () -> Void) { self.body.withLock { $0 = body } }

    /// Calls the callback once.
    func fire() { body.withLock { $0.take() }?() }
}

/// The last handler of the pipe's channel pipeline.
private final class PollListenerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let listener: PollListener

    init(_ listener: PollListener) { self.listener = listener }

    /// The loop is polling; the callback runs after it.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { fire(context) }

    /// A closed pipe cannot notify any more.
    func channelInactive(context: ChannelHandlerContext) { fire(context) }

    private func fire(_ context: ChannelHandlerContext) { context.eventLoop.execute { [listener] in listener.fire() } }
}
