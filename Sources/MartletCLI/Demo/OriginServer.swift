// A small HTTP server on loopback with generated files: the source of the demonstration's downloads.

import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A request as the server recorded it.
struct OriginServing: Sendable {
    var name: String
    var status: Int
    /// The first byte of the file that was sent.
    var from: Int
    /// The number of bytes written to the connection.
    var sent = 0
}

/// The files and behaviour of an origin server.
struct OriginContent: Sendable {
    var files: [OriginFile]
    /// The speed of each connection.
    var bytesPerSecond: Int
    /// The fault of the n-th request for a file, counted from 1.
    var fault: @Sendable (_ name: String, _ number: Int) -> OriginFault = { _, _ in .none }
}

/// A running origin server.
final class OriginServer: Sendable {
    let content: OriginContent
    let port: Int
    private let channel: any Channel
    private let journal: OriginLog

    /// Starts a server on a free loopback port.
    static func start(_ content: OriginContent) async throws -> OriginServer {
        let journal = OriginLog()
        let files = Dictionary(content.files.map { ("/" + $0.name, $0) }, uniquingKeysWith: { $1 })
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    journal.keep(channel)
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try pipeline.addHandler(OriginHandler(content: content, files: files, journal: journal))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return OriginServer(content, channel, journal)
    }

    private init(_ content: OriginContent, _ channel: any Channel, _ journal: OriginLog) {
        self.content = content
        self.channel = channel
        self.journal = journal
        port = channel.localAddress?.port ?? 0
    }

    /// The URL of a file.
    func url(of name: String) -> String { "http://127.0.0.1:\(port)/\(name)" }

    /// All requests so far, in order.
    var servings: [OriginServing] { journal.servings }

    /// Stops the server and closes its connections.
    func stop() async {
        try? await channel.close().get()
        for child in journal.channels { try? await child.close().get() }
    }
}

/// The state shared by a server's connections.
final class OriginLog: Sendable {
    private struct State {
        var servings: [OriginServing] = []
        var counts: [String: Int] = [:]
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = Mutex(State())

    var servings: [OriginServing] { state.withLock { $0.servings } }
    var channels: [any Channel] { state.withLock { Array($0.channels.values) } }

    /// Records an open connection until it closes.
    func keep(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLock { $0.channels[id] = channel }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.channels[id] = nil } }
    }

    /// The number of the next request for a file.
    func number(of name: String) -> Int {
        state.withLock {
            $0.counts[name, default: 0] += 1
            return $0.counts[name, default: 0]
        }
    }

    /// Records a response; returns its index.
    func begin(_ serving: OriginServing) -> Int {
        state.withLock {
            $0.servings.append(serving)
            return $0.servings.count - 1
        }
    }

    /// Records written bytes.
    func add(_ count: Int, to place: Int) { state.withLock { $0.servings[place].sent += count } }
}
