// A small HTTP server on loopback with made-up files: the other end of the demonstration's downloads.

import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// One request as the server saw it.
struct OriginServing: Sendable {
    var name: String
    var status: Int
    /// The first byte of the file that was sent.
    var from: Int
    /// How many bytes of the file were written to the connection.
    var sent = 0
}

/// What an origin server has and how it behaves.
struct OriginContent: Sendable {
    var files: [OriginFile]
    /// The speed of each connection.
    var bytesPerSecond: Int
    /// What happens to the n-th request for a file, counted from 1.
    var fault: @Sendable (_ name: String, _ number: Int) -> OriginFault = { _, _ in .none }
}

/// A running origin server.
final class OriginServer: Sendable {
    let content: OriginContent
    let port: Int
    private let channel: any Channel
    private let journal: OriginJournal

    /// Starts a server on a free port of the loopback interface.
    static func start(_ content: OriginContent) async throws -> OriginServer {
        let journal = OriginJournal()
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

    private init(_ content: OriginContent, _ channel: any Channel, _ journal: OriginJournal) {
        self.content = content
        self.channel = channel
        self.journal = journal
        port = channel.localAddress?.port ?? 0
    }

    /// Where a file is.
    func url(of name: String) -> String { "http://127.0.0.1:\(port)/\(name)" }

    /// Every request so far, in order.
    var servings: [OriginServing] { journal.servings }

    /// Ends the server and its connections.
    func stop() async {
        try? await channel.close().get()
        for child in journal.channels { try? await child.close().get() }
    }
}

/// What the connections of a server have in common.
final class OriginJournal: Sendable {
    private struct State {
        var servings: [OriginServing] = []
        var counts: [String: Int] = [:]
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = Mutex(State())

    var servings: [OriginServing] { state.withLock { $0.servings } }
    var channels: [any Channel] { state.withLock { Array($0.channels.values) } }

    /// Remembers an open connection until it is closed.
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

    /// Notes an answer; returns its place.
    func begin(_ serving: OriginServing) -> Int {
        state.withLock {
            $0.servings.append(serving)
            return $0.servings.count - 1
        }
    }

    /// Notes bytes that were written.
    func add(_ count: Int, to place: Int) { state.withLock { $0.servings[place].sent += count } }
}
