// A bell that an event loop hears only when it looks at its sockets, and so never instead of them.

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

/// Has something called on an event loop after the loop has looked at all its sockets.
///
/// A loop runs whatever is due, and what becomes due meanwhile, before it looks at them again. So a pause is no way to
/// let them have their turn: it may be over by then, on a slow machine or when others compute in between. What can only
/// be read from a pipe is found with the sockets, in the same look.
///
/// The pipe is made when it is first needed; where none can be had a short pause has to do.
final class SocketBell: Sendable {
    private struct State {
        var pipe: (any Channel)?
        var isAsked = false
    }

    private static let pause = TimeAmount.microseconds(10)

    private let loop: any EventLoop
    private let ear = Ear()
    private let state = Mutex(State())

    init(_ loop: any EventLoop) { self.loop = loop }

    deinit { state.withLock { $0.pipe.take() }?.close(promise: nil) }

    /// Calls `body` on the loop after its next look; the one before must have been called.
    ///
    /// Called on the loop.
    func afterNextLook(_ body: @escaping @Sendable () -> Void) {
        ear.listen(body)
        let (pipe, isFirst) = state.withLock { state in
            defer { state.isAsked = true }
            return (state.pipe, !state.isAsked)
        }
        if let pipe, pipe.isActive { return Self.ring(pipe) }
        if !isFirst || !open() { loop.scheduleTask(in: Self.pause) { [ear] in ear.hear() } }
    }

    private static func ring(_ pipe: any Channel) { pipe.writeAndFlush(ByteBuffer(integer: UInt8(0)), promise: nil) }

    /// Makes the pipe and rings; false where there can be none.
    private func open() -> Bool {
        guard let bootstrap = NIOPipeBootstrap(validatingGroup: loop), let ends = Self.ends() else { return false }
        bootstrap
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer { [ear] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(EarHandler(ear))
                }
            }
            .takingOwnershipOfDescriptors(input: ends.read, output: ends.write)
            .whenComplete { [weak self, ear, loop] result in
                guard case .success(let pipe) = result else {
                    close(ends.read)
                    close(ends.write)
                    loop.scheduleTask(in: Self.pause) { ear.hear() }
                    return
                }
                guard let self else { return pipe.close(promise: nil) }
                self.state.withLock { $0.pipe = pipe }
                Self.ring(pipe)
            }
        return true
    }

    /// Both ends of a new pipe, which no other program inherits.
    private static func ends() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}

/// Who waits for the bell.
private final class Ear: Sendable {
    private let body = Mutex<(@Sendable () -> Void)?>(nil)

    func listen(_ body: @escaping @Sendable () -> Void) { self.body.withLock { $0 = body } }

    /// Calls who waits, once.
    func hear() { body.withLock { $0.take() }?() }
}

/// The end of the pipe's own pipeline.
private final class EarHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ear: Ear

    init(_ ear: Ear) { self.ear = ear }

    /// The loop is in the midst of its look; whoever waits comes behind it.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { hear(context) }

    /// A pipe that ends would ring no more.
    func channelInactive(context: ChannelHandlerContext) { hear(context) }

    private func hear(_ context: ChannelHandlerContext) { context.eventLoop.execute { [ear] in ear.hear() } }
}
