// One connection to one validated address for one request; the response is read at the pace of the disk.

import MartletJobs
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A connection that speaks HTTP/1.1.
typealias HTTPWire = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

/// Opens connections to a given address, regardless of later DNS changes.
///
/// `Host`, SNI and certificate checks use the URL's name. Nothing is sent before the connected address is compared.
struct HTTPConnector: Sendable {
    let configuration: DownloadConfiguration
    let policy: AddressPolicy
    private let tls: TLSSetup

    init(configuration: DownloadConfiguration, policy: AddressPolicy) {
        self.configuration = configuration
        self.policy = policy
        tls = TLSSetup(trustRootsFile: configuration.trustRootsFile)
    }

    func connect(to url: DownloadURL, at address: IPAddress) async throws -> HTTPWire {
        let target = try SocketAddress(ipAddress: address.description, port: url.port)
        let context = url.isSecure ? try await Disk.run { [tls] in try tls.context() } : nil
        let (policy, host) = (policy, url.host)
        let pending = PendingChannel()
        return try await withTaskCancellationHandler {
            try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(configuration.connectTimeout.asTimeAmount)
                .connect(to: target) { channel in
                    pending.put(channel)
                    return channel.eventLoop.makeCompletedFuture {
                        try Self.prepare(channel, AddressFilter(policy: policy, host: host), context)
                    }
                }
        } onCancel: {
            // Connecting must not delay a job that must stop.
            pending.close()
        }
    }

    private static func prepare(
        _ channel: any Channel, _ gate: AddressFilter, _ context: NIOSSLContext?
    ) throws -> HTTPWire {
        let pipeline = channel.pipeline.syncOperations
        let host = gate.host
        try pipeline.addHandler(gate)
        if let context {
            // SNI must not contain an address; the certificate is then checked against the address.
            let name = IPAddress(host) == nil ? host : nil
            try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
            try pipeline.addHandler(TLSFaultReader(host: host))
        }
        try pipeline.addHTTPClientHandlers()
        // Larger reads than the default 64 KiB make fast transfers considerably cheaper.
        let allocator = AdaptiveRecvByteBufferAllocator(minimum: 16 << 10, initial: 64 << 10, maximum: 256 << 10)
        try channel.syncOptions?.setOption(.recvAllocator, value: allocator)
        return try HTTPWire(
            wrappingChannelSynchronously: channel,
            configuration: .init(backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8)))
    }
}

/// Compares the connected address before any later handler, including TLS, sees the connection.
final class AddressFilter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let host: String
    private let policy: AddressPolicy

    init(policy: AddressPolicy, host: String) {
        self.policy = policy
        self.host = host
    }

    func channelActive(context: ChannelHandlerContext) {
        do {
            guard let address = context.remoteAddress?.ipAddress.flatMap(IPAddress.init) else {
                throw DownloadError.permanent(.addressRefused, "\(host) led to a connection without an IP address")
            }
            try policy.check(address, of: host)
            context.fireChannelActive()
        } catch {
            context.fireErrorCaught(error)
            context.close(promise: nil)
        }
    }
}

/// The channel of a connection in progress, so that it can be abandoned.
private final class PendingChannel: Sendable {
    private let channel = Mutex<(channel: (any Channel)?, isClosed: Bool)>((nil, false))

    func put(_ new: any Channel) {
        let isClosed = channel.withLock { state in
            state.channel = new
            return state.isClosed
        }
        if isClosed { new.close(promise: nil) }
    }

    func close() {
        let open = channel.withLock { state in
            state.isClosed = true
            return state.channel
        }
        open?.close(promise: nil)
    }
}

/// The TLS settings, read once, since the certificate authorities are a large file.
private final class TLSSetup: Sendable {
    private let trustRootsFile: String?
    private let made = Mutex<NIOSSLContext?>(nil)

    init(trustRootsFile: String?) { self.trustRootsFile = trustRootsFile }

    /// Blocks while reading.
    func context() throws -> NIOSSLContext {
        try made.withLock { made in
            if let made { return made }
            var settings = TLSConfiguration.makeClientConfiguration()
            settings.minimumTLSVersion = .tlsv12
            if let trustRootsFile { settings.trustRoots = .file(trustRootsFile) }
            settings.applicationProtocols = ["http/1.1"]
            // A stopped transfer does not wait long for the peer's close.
            settings.shutdownTimeout = .milliseconds(500)
            do {
                let context = try NIOSSLContext(configuration: settings)
                made = context
                return context
            } catch {
                throw DownloadError.transient(
                    .tlsFailed, "this worker cannot read the certificate authorities that it trusts",
                    detail: "\(error)")
            }
        }
    }
}

extension Duration {
    /// The duration for event loops, which wait at most 292 years.
    var asTimeAmount: TimeAmount {
        let (seconds, attoseconds) = components
        let (whole, isTooLarge) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isBeyond) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return .nanoseconds(isTooLarge || isBeyond ? (seconds < 0 ? .min : .max) : sum)
    }
}
