// HTTP clients, each tied to one checked address of one host, kept for the next file from there.

import AsyncHTTPClient
import MartletJobs
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Lends out clients that connect to a checked address and to nothing else.
///
/// The address is fixed, so a name server that changes its answer between check and connection changes nothing, while
/// `Host`, SNI and certificate checks still use the name.
final class ClientCache: Sendable {
    struct Key: Hashable {
        var host: String
        var address: IPAddress
    }

    private struct Entry {
        var client: HTTPClient
        var users: Int
        var lastUse: ContinuousClock.Instant
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var isShutDown = false
    }

    /// Clients without users beyond this number are closed, the least used first.
    private static let idleLimit = 8

    private let configuration: DownloadConfiguration
    private let policy: AddressPolicy
    private let state = Mutex(State())

    init(configuration: DownloadConfiguration, policy: AddressPolicy) {
        self.configuration = configuration
        self.policy = policy
    }

    deinit {
        for entry in state.withLock({ $0.entries }).values { Self.close(entry.client) }
    }

    /// A client for an address, and whether it may have a connection that was used before.
    func borrow(_ key: Key) throws -> (client: HTTPClient, isUsed: Bool) {
        try state.withLock { state in
            guard !state.isShutDown else {
                throw DownloadError(.shuttingDown, "the worker is ending", advice: .release(after: .zero))
            }
            if var entry = state.entries[key] {
                entry.users += 1
                state.entries[key] = entry
                return (entry.client, true)
            }
            let client = HTTPClient(
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: clientConfiguration(key))
            state.entries[key] = Entry(client: client, users: 1, lastUse: .now)
            return (client, false)
        }
    }

    func giveBack(_ key: Key) {
        let closed = state.withLock { state -> [HTTPClient] in
            state.entries[key]?.users -= 1
            state.entries[key]?.lastUse = .now
            let idle = state.entries.filter { $0.value.users == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
            let surplus = idle.prefix(max(0, idle.count - Self.idleLimit))
            for (key, _) in surplus { state.entries[key] = nil }
            return surplus.map(\.value.client)
        }
        for client in closed { Self.close(client) }
    }

    /// Closes every connection and lends out no more clients.
    func shutDown() async {
        let clients = state.withLock { state -> [HTTPClient] in
            defer { state = State(isShutDown: true) }
            return state.entries.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    private static func close(_ client: HTTPClient) {
        let closed: EventLoopFuture<Void> = client.shutdown()
        closed.whenComplete { _ in }
    }

    private func clientConfiguration(_ key: Key) -> HTTPClient.Configuration {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let file = configuration.trustRootsFile { tls.trustRoots = .file(file) }
        var settings = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: configuration.connectTimeout.asTimeAmount), decompression: .disabled)
        settings.httpVersion = .http1Only
        settings.connectionPool.idleTimeout = .seconds(5)
        settings.connectionPool.retryConnectionEstablishment = false
        // The pool's soft limit would make one long download hold up others from the same host.
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        settings.dnsOverride = [key.host: key.address.description]
        settings.http1_1ConnectionDebugInitializer = ConnectionGuard(policy: policy, host: key.host).inspect
        return settings
    }
}

/// Looks at every new connection before a request is written to it.
struct ConnectionGuard: Sendable {
    var policy: AddressPolicy
    var host: String

    @Sendable
    func inspect(_ channel: any Channel) -> EventLoopFuture<Void> {
        do {
            guard let address = channel.remoteAddress?.ipAddress.flatMap(IPAddress.init) else {
                throw DownloadError.permanent(.addressRefused, "\(host) led to a connection without an IP address")
            }
            try policy.check(address, of: host)
        } catch {
            // Closed after the pool has heard of the failure: it must not see the connection close first.
            channel.eventLoop.execute { channel.close(promise: nil) }
            return channel.eventLoop.makeFailedFuture(error)
        }
        // Larger reads than the default of 64 KiB make a fast transfer a good deal cheaper.
        let allocator = AdaptiveRecvByteBufferAllocator(minimum: 16 << 10, initial: 64 << 10, maximum: 256 << 10)
        return channel.setOption(.recvAllocator, value: allocator)
    }
}

extension Duration {
    var asTimeAmount: TimeAmount { .nanoseconds(Int64(inSeconds * 1e9)) }
}
