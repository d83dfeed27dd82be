// A proxy between clients and Redis that injects faults of the network, by rule or at random.

import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// A proxy between clients and a redis-server.
///
/// It parses requests and replies, so a fault affects one request among many in a pipeline. It counts its faults.
public final class FaultProxy: Sendable {
    /// Where a proxy listens.
    public enum Place: Sendable {
        /// On a unix socket.
        case unixSocket
        /// On a port of the loopback interface; only TCP connections can be reset.
        case loopback
    }

    struct State {
        var rules: [FaultRule] = []
        var dice: FaultDice?
        var isFrozen = false
        var counts: [FaultKind: Int] = [:]
        var links: [ObjectIdentifier: FaultLink] = [:]
    }

    /// The URL for clients.
    public let url: String
    let loop: any EventLoop
    private let state = Mutex(State())
    private let observer: (@Sendable (FaultKind, _ command: String) -> Void)?
    private let server: any Channel
    private let path: String?

    /// A separate thread, so that the proxy does not slow down the tested code.
    private static let network = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Starts a proxy of the server at this unix socket.
    ///
    /// - Parameters:
    ///   - socketPath: where Redis listens; it may restart.
    ///   - place: where the proxy listens.
    ///   - observer: called for each fault when it happens.
    public static func start(
        to socketPath: String, on place: Place = .unixSocket,
        observer: (@Sendable (FaultKind, _ command: String) -> Void)? = nil
    ) async throws -> FaultProxy {
        let loop = network.next()
        let entrance = ProxyReference()
        let bootstrap = ServerBootstrap(group: loop, childGroup: loop)
            .childChannelInitializer { client in
                ClientBootstrap(group: loop).connect(unixDomainSocketPath: socketPath).flatMap { server in
                    loop.makeCompletedFuture {
                        guard let proxy = entrance.proxy else { throw ChannelError.alreadyClosed }
                        try FaultLink(proxy, client: client, server: server).attach()
                    }
                }
            }
        switch place {
        case .unixSocket:
            let path = "/tmp/martlet-proxy-\(UUID().uuidString.prefix(13).lowercased()).sock"
            let channel = try await bootstrap.bind(unixDomainSocketPath: path).get()
            return FaultProxy(channel, loop, url: "unix://\(path)", path: path, observer, entrance)
        case .loopback:
            let channel = try await bootstrap.bind(host: "127.0.0.1", port: 0).get()
            let url = "redis://127.0.0.1:\(channel.localAddress?.port ?? 0)"
            return FaultProxy(channel, loop, url: url, path: nil, observer, entrance)
        }
    }

    private init(
        _ server: any Channel, _ loop: any EventLoop, url: String, path: String?,
        _ observer: (@Sendable (FaultKind, _ command: String) -> Void)?, _ entrance: ProxyReference
    ) {
        self.server = server
        self.loop = loop
        self.url = url
        self.path = path
        self.observer = observer
        entrance.proxy = self
    }

    /// The number of faults by class.
    public var counts: [FaultKind: Int] { state.withLock { $0.counts } }

    /// The number of replies dropped on purpose.
    public var lostReplies: Int { counts[.swallow] ?? 0 }

    /// Adds a rule; the first one that applies is used, before random faults.
    public func add(_ rule: FaultRule) { state.withLock { $0.rules.append(rule) } }

    /// Drops the reply to the next request that contains `marker`, and closes the connection.
    public func loseReply(toRequestWith marker: String) {
        add(FaultRule(Fault(.swallow), to: .containing(marker)))
    }

    /// Sets the random faults; `nil` for none.
    public func roll(_ dice: FaultDice?) { state.withLock { $0.dice = dice } }

    /// Removes all rules and random faults; faults of open connections remain.
    public func heal() {
        state.withLock { state in
            state.rules = []
            state.dice = nil
        }
    }

    /// Stops forwarding in both directions; connections stay open.
    public func freeze() { state.withLock { $0.isFrozen = true } }

    /// Delivers held bytes and resumes forwarding.
    public func thaw() {
        state.withLock { $0.isFrozen = false }
        onLinks { $0.pump() }
    }

    /// Closes every connection at once, also those that a fault made silent.
    public func disconnectAll() { onLinks { $0.end() } }

    /// Stops listening and closes open connections.
    public func stop() async {
        try? await server.close().get()
        try? await loop.submit { self.endAll() }.get()
        if let path { try? FileManager.default.removeItem(atPath: path) }
    }

    private func endAll() { for link in links { link.end() } }

    private var links: [FaultLink] { state.withLock { Array($0.links.values) } }

    private func onLinks(_ body: @escaping @Sendable (FaultLink) -> Void) {
        loop.execute { for link in self.links { body(link) } }
    }
}

// MARK: - For the links

extension FaultProxy {
    var isFrozen: Bool { state.withLock { $0.isFrozen } }

    /// The fault of a request.
    func fault(for request: RESPRequest) -> Fault? {
        state.withLock { state in
            for index in state.rules.indices where state.rules[index].applies(to: request) {
                let fault = state.rules[index].fault
                if let times = state.rules[index].times { state.rules[index].times = times - 1 }
                if state.rules[index].times == 0 { state.rules.remove(at: index) }
                return fault
            }
            return state.dice?.fault(for: request)
        }
    }

    func count(_ kind: FaultKind, _ command: String) {
        state.withLock { $0.counts[kind, default: 0] += 1 }
        observer?(kind, command)
    }

    func add(_ link: FaultLink) { state.withLock { $0.links[ObjectIdentifier(link)] = link } }

    func remove(_ link: FaultLink) { state.withLock { $0.links[ObjectIdentifier(link)] = nil } }
}

/// Connects a listening socket with the proxy created after it.
private final class ProxyReference: Sendable {
    private struct Weak { weak var proxy: FaultProxy? }
    private let place = Mutex(Weak())

    var proxy: FaultProxy? {
        get { place.withLock { $0.proxy } }
        set { place.withLock { $0.proxy = newValue } }
    }
}
