// Compressed answers: which they are, that they hold the same, and what a client has to send for one.

import AsyncHTTPClient
import CZlib
import MartletGzip
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct CompressionTests {
    private static let gzip = [("Accept-Encoding", "br, gzip;q=0.5")]

    /// What a client gets that neither asks for compressed answers by itself nor reads them, as the others here do.
    private static func ask(
        _ path: String, of server: TestServer, _ method: HTTPMethod = .GET, _ body: String? = nil,
        headers: [(String, String)] = []
    ) async throws -> Answer {
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)\(path)")
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(Array(body.utf8))
        }
        let response = try await client.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 64 << 20)
        try await client.shutdown()
        return Answer(status: Int(response.status.code), headers: response.headers, body: Array(buffer: bytes))
    }

    /// The bytes of a gzip file, whose end has their digest.
    private static func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
        var stream = z_stream()
        try #require(inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK)
        defer { inflateEnd(&stream) }
        var (input, output) = (bytes, [UInt8](repeating: 0, count: 16 << 20))
        let size = output.count
        let (result, left) = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return (inflate(&stream, Z_FINISH), Int(stream.avail_out))
            }
        }
        try #require(result == Z_STREAM_END)
        return Array(output.prefix(size - left))
    }

    @Test func `lists, pages, files, metrics and the description are compressed and hold the same`() async throws {
        let metrics: @Sendable () async -> String = {
            (0..<200).map { "martlet_test{a=\"\($0)\"} \($0 * 7919 % 1000)\n" }.joined()
        }
        try await withServer(metrics: metrics) { server in
            for number in 0..<30 {
                let text = (0..<900).map { "\($0 * 31 % (number + 7))" }.joined(separator: " ")
                let job = #"{"queue":"q","type":"t","payload":{"text":"\#(text)"}}"#
                #expect(try await server.post("/api/v1/jobs", job).status == 201)
            }
            let page = try await server.get("/ui/").text
            let sheet = try #require(page.firstMatch(of: /"([^"]+\.css)"/)?.1)
            for path in ["/api/v1/jobs?queue=q", "/openapi.json", "/openapi.yaml", "/metrics", "/ui/", "/ui/\(sheet)"] {
                let plain = try await Self.ask(path, of: server)
                #expect(plain.headers["content-encoding"].isEmpty && plain.headers["vary"].contains("Accept-Encoding"))
                let packed = try await Self.ask(path, of: server, headers: Self.gzip)
                #expect(packed.headers["content-encoding"] == ["gzip"], "\(path)")
                #expect(packed.headers["vary"].joined().contains("Accept-Encoding"))
                #expect(packed.headers["content-length"] == ["\(packed.body.count)"])
                #expect(packed.body.count < plain.body.count && packed.body.starts(with: [0x1F, 0x8B]))
                #expect(try Self.unpacked(packed.body) == plain.body, "\(path)")
                #expect(try await Self.ask(path, of: server, headers: Self.gzip).body == packed.body)
                // A client that reads compressed answers by itself, with its limits.
                #expect(try await server.get(path).body == plain.body)
            }
        }
    }

    @Test func `HEAD tells no length where the body would be compressed, and a tag of one form is known in the other`()
        async throws
    {
        try await withServer { server in
            let path = "/openapi.json"
            let head = try await Self.ask(path, of: server, .HEAD, headers: Self.gzip)
            #expect(head.status == 200 && head.body.isEmpty && head.headers["vary"].contains("Accept-Encoding"))
            for name in ["content-length", "content-encoding"] {
                #expect(head.headers[name].isEmpty, "\(name)")
            }
            let plain = try await Self.ask(path, of: server)
            let length = try await Self.ask(path, of: server, .HEAD).headers["content-length"]
            #expect(length == ["\(plain.body.count)"])
            let packed = try await Self.ask(path, of: server, headers: Self.gzip)
            let (weak, strong) = (packed.headers["etag"].first ?? "", plain.headers["etag"].first ?? "")
            #expect(weak == "W/" + strong && strong.hasPrefix("\""))
            for tag in [weak, strong] {
                for more in [[], Self.gzip] {
                    let held = try await Self.ask(path, of: server, headers: more + [("If-None-Match", tag)])
                    #expect(held.status == 304 && held.body.isEmpty)
                    #expect(held.headers["content-encoding"].isEmpty)
                    #expect(held.headers["vary"].contains("Accept-Encoding"))
                }
            }
        }
    }

    @Test func `an answer that would get more than twenty times shorter is left as it is`() async throws {
        try await withServer(metrics: { String(repeating: "martlet_test 1\n", count: 10_000) }) { server in
            let raw = try await Self.ask("/metrics", of: server, headers: Self.gzip)
            #expect(raw.headers["content-encoding"].isEmpty && raw.body.count == 150_000)
            let read = try await server.get("/metrics")
            #expect(read.body.count == 150_000)
        }
    }

    @Test func `small answers, answers to writes, problems and streams are never compressed`() async throws {
        try await withServer { server in
            let text = String(repeating: "a", count: 5000)
            let job = #"{"queue":"q","type":"t","payload":{"text":"\#(text)"}}"#
            let pushed = try await Self.ask("/api/v1/jobs", of: server, .POST, job, headers: Self.gzip)
            #expect(pushed.status == 201 && pushed.body.count > 5000)
            let order = #"{"queues":["q"],"worker_id":"w1"}"#
            let claimed = try await Self.ask("/api/v1/claims", of: server, .POST, order, headers: Self.gzip)
            #expect(claimed.status == 200 && claimed.body.count > 5000, "\(claimed.text.prefix(200))")
            let small = try await Self.ask("/livez", of: server, headers: Self.gzip)
            let missing = try await Self.ask("/api/v1/jobs/none", of: server, headers: Self.gzip)
            for answer in [pushed, claimed, small, missing] {
                #expect(answer.headers["content-encoding"].isEmpty && answer.headers["vary"].isEmpty)
            }
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(server.port)/api/v1/events")
            for (name, value) in Self.gzip { request.headers.add(name: name, value: value) }
            let stream = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            #expect(stream.status == .ok && stream.headers["content-encoding"].isEmpty)
        }
    }

    @Test func `nothing is compressed where it is turned off`() async throws {
        try await withServer(settings: { $0.compressesAnswers = false }) { server in
            let answer = try await Self.ask("/openapi.json", of: server, headers: Self.gzip)
            #expect(answer.headers["content-encoding"].isEmpty && answer.headers["vary"].isEmpty)
        }
    }

    @Test(arguments: [
        ("gzip", true), ("GZIP", true), ("x-gzip", true), ("deflate, gzip;q=1.0, *;q=0", true), ("*", true),
        ("gzip;q=0", false), ("gzip; q=0.000", false), ("*;q=0", false), ("gzip;q=0, *", false), ("br", false),
        ("", false),
        ("identity", false), ("gzip;q=x", false), ("gzipped", false),
    ])
    func `a client takes gzip by its Accept-Encoding`(field: String, isTaken: Bool) {
        #expect(ReplyCompression.accepts(field) == isTaken)
    }

    @Test func `bytes that do not get shorter are left as they are`() {
        #expect(Gzip.compressed([], .fast) == nil)
        #expect(Gzip.compressed((0..<2000).map { _ in UInt8.random(in: 0...255) }, .best) == nil)
        #expect(Gzip.compressed(Array(repeating: 7, count: 100_000), .fast).map { $0.count < 1000 } == true)
    }
}
