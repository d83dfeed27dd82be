// A relay between clients and Redis that does to their connections what networks do, by rule or by chance.

import FoundationEssentials
import NIOCore
import NIOPosix
import Synchronization

/// Stands between clients and a redis-server.
///
/// It knows where requests and replies begin and end, so a fault hits one request among many in a pipeline. It counts
/// what it did.
public final class FaultProxy: Sendable {
    /// Where a proxy listens.
    public enum Place: Sendable {
        /// On a unix socket of its own.
        case unixSocket
        /// On a port of the loopback interface; only there a reset is one.
        case loopback
    }

    struct State {
        var rules: [FaultRule] = []
        var dice: FaultDice?
        var isFrozen = false
        var counts: [FaultKind: Int] = [:]
        var links: [ObjectIdentifier: FaultLink] = [:]
    }

    /// Where clients connect to.
    public let url: String
    let loop: any EventLoop
    private let state = Mutex(State())
    private let observer: (@Sendable (FaultKind, _ command: String) -> Void)?
    private let server: any Channel
    private let path: String?

    /// A thread of its own: what is slow here must not slow down who is tested.
    private static let network = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    /// Starts a relay to the server at this unix socket.
    ///
    /// - Parameters:
    ///   - socketPath: where Redis listens; it may come and go.
    ///   - place: where the proxy listens.
    ///   - observer: told of each fault when it happens.
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

    /// How often each class of fault happened.
    public var counts: [FaultKind: Int] { state.withLock { $0.counts } }

    /// How many replies were lost on purpose.
    public var lostReplies: Int { counts[.swallow] ?? 0 }

    /// Adds a rule; the first one that applies wins, and all win over chance.
    public func add(_ rule: FaultRule) { state.withLock { $0.rules.append(rule) } }

    /// The next request that holds `marker` reaches the server, but its reply is lost with the connection.
    public func loseReply(toRequestWith marker: String) {
        add(FaultRule(Fault(.swallow), to: .containing(marker)))
    }

    /// From now on faults come by these dice; `nil` for none by chance.
    public func roll(_ dice: FaultDice?) { state.withLock { $0.dice = dice } }

    /// Takes back all rules and dice; what was done to open connections stays done.
    public func heal() {
        state.withLock { state in
            state.rules = []
            state.dice = nil
        }
    }

    /// Lets no byte pass any more, in any direction; connections stay open.
    public func freeze() { state.withLock { $0.isFrozen = true } }

    /// Delivers what was held back, then lets everything pass again.
    public func thaw() {
        state.withLock { $0.isFrozen = false }
        onLinks { $0.pump() }
    }

    /// Ends every connection at once, also those that a fault made silent.
    public func disconnectAll() { onLinks { $0.end() } }

    /// Takes no more connections and ends those that are open.
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

    /// What is to happen to a request.
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

/// How a listening socket finds the proxy that is made of it.
private final class ProxyReference: Sendable {
    private struct Weak { weak var proxy: FaultProxy? }
    private let place = Mutex(Weak())

    var proxy: FaultProxy? {
        get { place.withLock { $0.proxy } }
        set { place.withLock { $0.proxy = newValue } }
    }
}
