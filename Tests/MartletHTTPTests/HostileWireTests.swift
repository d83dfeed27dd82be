// What no client library sends: requests that two servers would read in two ways, heads without end, clients that stall.

import Foundation
import MartletJobs
import MartletQueue
import NIOCore
import NIOHTTP1
import NIOPosix
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct HostileWireTests {
    private static let post = "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    private static let get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
    /// What an attacker wants to be read as a second request.
    private static let smuggled = "GET /api/v1/stats HTTP/1.1\r\nHost: localhost\r\n\r\n"

    static let corpus: [String: String] = [
        "length and chunks": post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunks and length": post + "Transfer-Encoding: chunked\r\nContent-Length: 60\r\n\r\n0\r\n\r\n",
        "two lengths": post + "Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}",
        "two lengths in one line": post + "Content-Length: 2, 60\r\n\r\n{}",
        "the same length twice": post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "a length with a sign": post + "Content-Length: +2\r\n\r\n{}",
        "a negative length": post + "Content-Length: -1\r\n\r\n{}",
        "a length in hexadecimal": post + "Content-Length: 0x2\r\n\r\n{}",
        "a length with a blank inside": post + "Content-Length: 2 0\r\n\r\n{}",
        "a length beyond 64 bits": post + "Content-Length: 18446744073709551618\r\n\r\n{}",
        "chunked and another coding": post + "Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        "chunked twice": post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        "an unknown coding": post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "a coding behind a vertical tab": post + "Transfer-Encoding: \u{0B}chunked\r\n\r\n0\r\n\r\n",
        "a blank before the colon": post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "a folded coding": post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "a folded field": get + "X: a\r\n b\r\n\r\n",
        "a field that begins with a blank": get + " X: a\r\n\r\n",
        "a carriage return alone": get + "X: a\rTransfer-Encoding: chunked\r\n\r\n",
        "a null in a value": get + "X: a\u{0}b\r\n\r\n",
        "a null in a name": get + "X\u{0}: a\r\n\r\n",
        "a name with a blank": get + "Bad Name: x\r\n\r\n",
        "a line without a colon": get + "nothing\r\n\r\n",
        "a chunk size beyond 64 bits": post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "a negative chunk size": post + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        "a chunk size with 0x": post + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
        "a chunk longer than it says": post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}xx\r\n0\r\n\r\n",
        "chunks in HTTP/1.0": post.replacing("/1.1", with: "/1.0") + "Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        "an unknown version": "GET /livez HTTP/3.7\r\nHost: localhost\r\n\r\n",
        "no version and a field": "GET /livez\r\nHost: localhost\r\n\r\n",
        "the start of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a request line with tabs": "GET\t/livez\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a null in the path": "GET /live\u{0}z HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "a TLS greeting": "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
        "ten thousand fields": get + (0..<10_000).map { "X-\($0): y\r\n" }.joined() + "\r\n",
        "a field of a megabyte": get + "X: " + String(repeating: "x", count: 1 << 20) + "\r\n\r\n",
        "a field name of a megabyte": get + String(repeating: "x", count: 1 << 20) + ": y\r\n\r\n",
        "a path of a megabyte": "GET /" + String(repeating: "x", count: 1 << 20)
            + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]

    @Test(arguments: corpus.keys.sorted())
    func `a request that could be read in two ways is refused, and nothing behind it is answered`(
        _ name: String
    ) async throws {
        let request = try #require(Self.corpus[name])
        try await withServer(settings: { $0.headDeadline = .seconds(15) }) { server in
            let raw = try await RawConnection(port: server.port).exchange([request + Self.smuggled])
            let answers = Self.statuses(raw)
            #expect(answers.count <= 1, "\(raw)")
            #expect(answers.allSatisfy { ["400", "431"].contains($0) }, "\(answers)")
            #expect(!raw.contains("total_jobs"))
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 0, "nothing was pushed")
        }
    }

    /// The status of each answer; our own texts speak of HTTP/1.1 too.
    private static func statuses(_ raw: String) -> [String] {
        raw.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }.filter { Int($0) != nil }
    }

    @Test(arguments: [
        "GET /livez HTTP/1.1\nHost: localhost\n\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\n",
        "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nX: a\nContent-Length: 30\r\n\r\n",
    ])
    func `a line that ends with a line feed alone is refused`(_ request: String) async throws {
        try await withServer { server in
            let raw = try await RawConnection(port: server.port).exchange([request, Self.smuggled])
            #expect(Self.statuses(raw) == ["400"], "\(raw)")
        }
    }

    @Test func `slow heads and bodies do not delay other clients`() async throws {
        try await withServer(settings: {
            $0.headDeadline = .milliseconds(600)
            $0.bodyDeadline = .milliseconds(600)
        }) { server in
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: String.self) { slow in
                for number in 0..<60 {
                    slow.addTask {
                        let head = number.isMultiple(of: 2) ? Self.get : Self.post + "Content-Length: 1000\r\n\r\n"
                        // A client that writes on while the server closes may be reset instead.
                        return await (try? RawConnection(port: server.port).trickle(head, every: .milliseconds(50)))
                            ?? ""
                    }
                }
                for _ in 0..<10 {
                    // On a busy machine its own head may come too late.
                    try await eventually("another client is answered") {
                        (try? await server.get("/livez"))?.status == 200
                    }
                }
                for try await raw in slow {
                    #expect(raw.isEmpty || raw.hasPrefix("HTTP/1.1 408") || raw.hasPrefix("HTTP/1.1 4"))
                }
            }
            #expect(ContinuousClock.now - start < .seconds(40))
        }
    }

    /// Who asks for much and reads nothing is cut off, and costs no more memory than one answer.
    @Test func `a client that does not read its answers is cut off`() async throws {
        // The other deadline of an answer is out of the way, so only this one can cut the client off.
        try await withServer(settings: {
            $0.readingDeadline = .milliseconds(400)
            $0.answerDeadline = .seconds(3600)
        }) { server in
            // Not over HTTP: the answer would have to be read in so short a time.
            let payload = Array("\"\(String(repeating: "x", count: 200_000))\"".utf8)
            let job = NewJob(id: try #require(JobID("large")), type: "t", payload: payload)
            _ = try await server.harness.queue("default").enqueue(job)
            let asked = 400
            let request = "GET /api/v1/jobs/large HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let connection = try await StalledConnection(port: server.port)
            try await connection.send(String(repeating: request, count: asked))
            try await connection.waitForReset(within: .seconds(60))
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test func `a connection reads a limited number of unanswered requests`() async throws {
        try await withServer { server in
            let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let raw = try await RawConnection(port: server.port).exchange([String(repeating: request, count: 2000)])
            #expect(Self.statuses(raw).count >= RequestGuard.pipelineLimit)
            #expect(Self.statuses(raw).count < 2000)
            #expect(Self.statuses(raw).allSatisfy { $0 == "200" })
            #expect(try await server.get("/livez").status == 200)
        }
    }

    @Test func `connections beyond the limit replace idle ones`() async throws {
        try await withServer(settings: { $0.maxConnections = 4 }) { server in
            let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            var held: [HeldConnection] = []
            for _ in 0..<12 {
                let connection = try await HeldConnection(port: server.port)
                try await connection.send(request)
                try await eventually("it is answered") { connection.received.hasPrefix("HTTP/1.1 200") }
                held.append(connection)
            }
            let all = held
            try await eventually("four are left") { all.count { $0.isOpen } == 4 }
        }
    }

    @Test(arguments: [
        "/api/v1/jobs/a%0d%0aX-Evil:%201", "/api/v1/jobs/a%0aX-Evil:%201/pause", "/api/v1/queues/q%0d%0aX-Evil:%201",
        "/api/downloads/%0d%0aX-Evil:%201", "/%0d%0aX-Evil:%201",
    ])
    func `line ends in a path do not reach a header`(_ path: String) async throws {
        let lines = LogLines()
        try await withServer(logger: lines.logger) { server in
            for method in ["GET", "POST"] {
                let raw = try await RawConnection(port: server.port).exchange([
                    "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                ])
                let head = raw.components(separatedBy: "\r\n\r\n")[0]
                #expect(raw.hasPrefix("HTTP/1.1 4"), "\(raw)")
                #expect(!head.lowercased().contains("x-evil"), "\(raw)")
            }
        }
        #expect(!lines.all.joined().contains("X-Evil"))
    }
}

extension RawConnection {
    /// Sends a text, then single bytes until the server closes; answers what came back.
    fileprivate func trickle(_ start: String, every pause: Duration) async throws -> String {
        try await channel.executeThenClose { inbound, outbound in
            try? await outbound.write(ByteBuffer(string: start))
            let sending = Task {
                while !Task.isCancelled {
                    try await outbound.write(ByteBuffer(string: "x"))
                    try await Task.sleep(for: pause)
                }
            }
            defer { sending.cancel() }
            var all = ""
            do { for try await buffer in inbound { all += String(buffer: buffer) } } catch {}
            return all
        }
    }
}

/// A connection that never reads.
private struct StalledConnection {
    private let channel: any Channel

    init(port: Int) async throws {
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(60))
            .channelOption(.socketOption(.so_rcvbuf), value: 4096)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: port).get()
    }

    func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)).get() }

    /// Returns once the server has ended the connection: then what is sent is refused.
    func waitForReset(within limit: Duration) async throws {
        let end = ContinuousClock.now + limit
        while channel.isActive {
            try #require(ContinuousClock.now < end, "the server still holds the connection")
            do { try await channel.writeAndFlush(ByteBuffer(string: "x")).get() } catch { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        try? await channel.close()
    }
}
