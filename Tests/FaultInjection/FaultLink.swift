// One connection through the proxy; applies faults to its requests and replies.

import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A client's connection and the proxy's connection to Redis for it.
///
/// Unchecked: it runs only on the proxy's event loop, which both channels share.
final class FaultLink: @unchecked Sendable {
    /// A request in flight with its fault.
    private struct Step {
        var request: RESPRequest
        var fault: Fault?
        var hasWaited = false
    }

    /// An expected reply.
    private enum Expected {
        case passed(command: String, Fault?)
        case discarded
    }

    private let proxy: FaultProxy
    private let client: any Channel
    private let server: any Channel
    private var requests = RESPFramer()
    private var replies = RESPFramer()
    private var toServer: [Step] = []
    private var expected: [Expected] = []
    private var toClient: [(bytes: ByteBuffer, command: String, fault: Fault?)] = []
    private var holdsRequests = false
    private var holdsReplies = false
    /// Nothing more goes to the server.
    private var isDeaf = false
    /// Nothing more goes to the client.
    private var isMute = false
    private var clientIsGone = false
    private var serverIsGone = false

    init(_ proxy: FaultProxy, client: any Channel, server: any Channel) {
        self.proxy = proxy
        self.client = client
        self.server = server
    }

    /// Starts relaying.
    func attach() throws {
        proxy.add(self)
        try client.pipeline.syncOperations.addHandler(
            SideReader { [weak self] bytes in if let bytes { self?.heardClient(bytes) } else { self?.lostClient() } })
        try server.pipeline.syncOperations.addHandler(
            SideReader { [weak self] bytes in if let bytes { self?.heardServer(bytes) } else { self?.lostServer() } })
    }

    /// Forwards what may be forwarded.
    func pump() {
        pumpRequests()
        pumpReplies()
        settle()
    }

    /// Closes both sides at once.
    func end() {
        (isDeaf, isMute) = (true, true)
        client.close(promise: nil)
        server.close(promise: nil)
        proxy.remove(self)
    }

    /// Resets both sides.
    private func reset() {
        if client.localAddress?.port != nil {
            let atOnce = linger(l_onoff: 1, l_linger: 0)
            _ = (client as? any SocketOptionProvider)?.setSoLinger(atOnce)
        }
        end()
    }

    /// Closes a side whose other side has closed, once everything was delivered.
    private func settle() {
        guard !proxy.isFrozen else { return }
        if clientIsGone, toServer.isEmpty || isDeaf { end() }
        if serverIsGone, toClient.isEmpty && !holdsReplies || isMute { end() }
    }
}

// MARK: - Towards Redis

extension FaultLink {
    private func heardClient(_ bytes: ByteBuffer) {
        guard !isDeaf else { return }
        requests.append(bytes)
        do {
            while let message = try requests.next() {
                let request = RESPRequest(message)
                toServer.append(Step(request: request, fault: proxy.fault(for: request)))
            }
        } catch { return end() }
        pumpRequests()
    }

    private func lostClient() {
        clientIsGone = true
        settle()
    }

    private func pumpRequests() {
        while !proxy.isFrozen, !isDeaf, !holdsRequests, let step = toServer.first {
            if step.fault?.kind == .delay, !step.hasWaited {
                toServer[0].hasWaited = true
                return hold(step)
            }
            toServer.removeFirst()
            pass(step)
        }
    }

    private func hold(_ step: Step) {
        proxy.count(.delay, step.request.command)
        holdsRequests = true
        after(step.fault?.pause ?? .zero) {
            self.holdsRequests = false
            self.pump()
        }
    }

    private func pass(_ step: Step) {
        let (bytes, command) = (step.request.bytes, step.request.command)
        switch step.fault?.kind {
        case .drop:
            proxy.count(.drop, command)
            if step.fault?.isSilent == true { isDeaf = true } else { end() }
        case .halfOpen:
            proxy.count(.halfOpen, command)
            (isDeaf, isMute) = (true, true)
            try? client.syncOptions?.setOption(.autoRead, value: false)
        case .duplicate:
            proxy.count(.duplicate, command)
            expected += [.passed(command: command, nil), .discarded]
            server.write(bytes, promise: nil)
            server.writeAndFlush(bytes, promise: nil)
        case .reset:
            proxy.count(.reset, command)
            server.writeAndFlush(bytes, promise: nil)
            reset()
        case .swallow, .partial, .slow, .delay, nil:
            expected.append(.passed(command: command, step.fault))
            server.writeAndFlush(bytes, promise: nil)
        }
    }
}

// MARK: - Towards the client

extension FaultLink {
    private func heardServer(_ bytes: ByteBuffer) {
        guard !isMute else { return }
        replies.append(bytes)
        do {
            while let message = try replies.next() {
                switch expected.isEmpty ? .passed(command: "", nil) : expected.removeFirst() {
                case .discarded: break
                case .passed(let command, let fault): toClient.append((message, command, fault))
                }
            }
        } catch { return end() }
        pumpReplies()
    }

    private func lostServer() {
        serverIsGone = true
        settle()
    }

    private func pumpReplies() {
        while !proxy.isFrozen, !isMute, !holdsReplies, !toClient.isEmpty {
            let (bytes, command, fault) = toClient.removeFirst()
            switch fault?.kind {
            case .swallow:
                proxy.count(.swallow, command)
                if fault?.isSilent == true { (isDeaf, isMute) = (true, true) } else { end() }
            case .partial:
                proxy.count(.partial, command)
                let half = bytes.getSlice(at: bytes.readerIndex, length: bytes.readableBytes / 2) ?? bytes
                isMute = true
                client.writeAndFlush(half).whenComplete { _ in self.end() }
            case .slow:
                proxy.count(.slow, command)
                trickle(bytes, pause: fault?.pause ?? .milliseconds(1))
            default: client.writeAndFlush(bytes, promise: nil)
            }
        }
    }

    /// Sends the first bytes one by one, then the rest: a reply of a megabyte must not take an hour.
    private func trickle(_ bytes: ByteBuffer, pause: Duration, sent: Int = 0) {
        var rest = bytes
        guard let next = rest.readSlice(length: sent < 48 ? min(1, rest.readableBytes) : rest.readableBytes),
            next.readableBytes > 0
        else {
            holdsReplies = false
            return pump()
        }
        holdsReplies = true
        client.writeAndFlush(next, promise: nil)
        after(pause) { [rest] in self.trickle(rest, pause: pause, sent: sent + 1) }
    }

    private func after(_ pause: Duration, _ body: @escaping @Sendable () -> Void) {
        proxy.loop.scheduleTask(in: TimeAmount(pause), body)
    }
}

/// Receives the bytes of one side; `nil` when it has closed.
private final class SideReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let hear: (ByteBuffer?) -> Void

    init(_ hear: @escaping (ByteBuffer?) -> Void) { self.hear = hear }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { hear(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) {
        hear(nil)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
