// Which server is asked, as whom, and what an error of the server becomes.

import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Testing

@testable import MartletCLI

@Suite struct ClientTests {
    @Test func `the client uses TLS 1.2 at least`() {
        #expect(APIClient.configuration.tlsConfiguration?.minimumTLSVersion == .tlsv12)
    }

    @Test(
        arguments: [
            ([], [:], "http://127.0.0.1:8080"),
            ([], ["MARTLET_SERVER": "http://a:1/"], "http://a:1"),
            (["--server", "b:2"], ["MARTLET_SERVER": "http://a:1"], "http://b:2"),
            ([], ["MARTLET_SERVER": ""], "http://127.0.0.1:8080"),
        ] as [([String], [String: String], String)])
    func `the server comes from the flag, the variable or the default`(
        _ flags: [String], _ environment: [String: String], _ base: String
    ) throws {
        #expect(try ClientOptions.parse(flags).base(environment) == base)
    }

    @Test func `the token comes from the flag, a file or the variable`() throws {
        let path = "/tmp/martlet-token-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("mt_file\nmore".utf8).write(to: URL(filePath: path))
        let environment = ["MARTLET_TOKEN": "mt_variable"]
        #expect(try ClientOptions.parse(["--token", "mt_flag"]).secret(environment) == "mt_flag")
        #expect(try ClientOptions.parse(["--token-file", path]).secret(environment) == "mt_file")
        #expect(try ClientOptions.parse([]).secret(environment) == "mt_variable")
        #expect(try ClientOptions.parse([]).secret(["MARTLET_TOKEN_FILE": path]) == "mt_file")
        #expect(try ClientOptions.parse([]).secret([:]) == nil)
        #expect(throws: CommandFailure.self) { try ClientOptions.parse(["--token-file", "/nowhere"]).secret([:]) }
    }

    @Test(arguments: [
        (401, CommandExitCode.authentication), (403, .authentication), (404, .notFound), (409, .wrongState),
        (422, .failed),
        (413, .failed), (503, .unavailable), (500, .failed),
    ])
    func `each status has its exit code`(_ status: Int, _ ending: CommandExitCode) {
        let body = Array(#"{"title":"No","code":"some-code"}"#.utf8)
        #expect(APIProblem(status: status, bytes: body).failure(server: "s").code == ending)
    }

    @Test func `a problem becomes a sentence with the fields that are wrong`() {
        let body = #"""
            {"title":"Unprocessable","detail":"2 fields are wrong","code":"invalid",
             "errors":[{"pointer":"#/priority","detail":"must be from -1000 to 1000"},{"detail":"no url"},
              {"parameter":"limit","detail":"is too large"},{"line":4,"pointer":"#/type","detail":"is required"}]}
            """#
        let failure = APIProblem(status: 422, bytes: Array(body.utf8)).failure(server: "s")
        let lines = [
            "2 fields are wrong", "  #/priority: must be from -1000 to 1000", "  no url", "  limit: is too large",
            "  line 4, #/type: is required",
        ]
        #expect(failure.message == lines.joined(separator: "\n"))
    }

    @Test func `an ambiguous id asks for the queue, and unknown problems are named by their status`() {
        let body = Array(#"{"detail":"two queues","code":"ambiguous"}"#.utf8)
        let failure = APIProblem(status: 409, bytes: body).failure(server: "s")
        #expect(failure.code == .failed && failure.message.contains("--queue"))
        let stranger = APIProblem(status: 404, bytes: Array("<html>".utf8)).failure(server: "http://s")
        #expect(stranger == CommandFailure(.failed, "http://s answered with status 404"))
    }

    @Test func `an unknown outcome is reported with the jobs to check and what is safe to repeat`() {
        let ids = (1...12).map { "\"j\($0)\"" }.joined(separator: ",")
        let body = #"{"detail":"no reply","code":"outcome-unknown","outcome":"unknown","ids":[\#(ids)]}"#
        let failure = APIProblem(status: 503, bytes: Array(body.utf8)).failure(server: "s")
        #expect(failure.code == .unavailable)
        #expect(failure.message.contains("may have been done or not"))
        #expect(failure.message.contains("--idempotency-key"))
        #expect(failure.message.hasSuffix("Ask for: j1 j2 j3 j4 j5 j6 j7 j8 j9 j10 and 2 more"))
        let known = Array(#"{"detail":"nothing was done","outcome":"not-executed"}"#.utf8)
        #expect(APIProblem(status: 503, bytes: known).failure(server: "s").message == "nothing was done")
    }

    @Test(arguments: [HTTPMethod.GET, .POST])
    func `a connection that ends before the answer makes a write unknown, but not a read`(
        _ method: HTTPMethod
    ) async throws {
        let mute = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(HangUp()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let base = "http://127.0.0.1:\(mute.localAddress?.port ?? 0)"
        let failure = await #expect(throws: CommandFailure.self) {
            try await APIClient.with(base, token: nil) { client in
                _ = try await client.send(method, "/api/v1/jobs", body: method == .GET ? nil : .object([:]))
            }
        }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains("closed the connection without a response") == true)
        #expect(failure?.message.contains("may have been done or not") == (method == .POST))
        try await mute.close()
    }

    @Test func `paths and queries are escaped`() {
        #expect(APIClient.escaped("a/b c:ü~") == "a%2Fb%20c%3A%C3%BC~")
        #expect(APIClient.query([("a", "1&2"), ("b", nil), ("c", "")]) == "?a=1%262&c=")
        #expect(APIClient.query([("a", nil)]) == "")
    }

    @Test func `a tally is whole, partial or nothing`() throws {
        try Tally(done: 2).check()
        #expect(throws: CommandFailure(.partial, "1 of 3 failed")) { try Tally(done: 2, failed: 1).check() }
        #expect(throws: CommandFailure(.failed, "1 of 1 failed")) { try Tally(failed: 1).check() }
    }
}

/// Reads something and ends the connection.
private final class HangUp: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}

@Suite struct OriginTests {
    private let file = OriginFile(name: "f", size: 200_000, seed: 5)

    @Test func `bytes do not depend on where reading begins`() {
        var whole: [UInt8] = []
        while whole.count < file.size { whole += file.bytes(from: whole.count, atMost: 50_000) }
        #expect(whole.count == file.size)
        for start in [0, 3, 65_533, 65_536, 131_079, 199_999] {
            var rest: [UInt8] = []
            while start + rest.count < file.size { rest += file.bytes(from: start + rest.count, atMost: 777) }
            #expect(rest == Array(whole[start...]))
        }
        #expect(whole[0..<65_536] != whole[65_536..<131_072], "no two blocks are alike")
        #expect(OriginFile(name: "f", size: 10, seed: 6).bytes(from: 0, atMost: 10) != Array(whole[..<10]))
    }

    @Test(
        arguments: [
            ("bytes=0-", 0..<10), ("bytes=3-5", 3..<6), ("bytes=9-99", 9..<10), ("bytes=10-", 10..<10),
            ("bytes=5-3", nil), ("bytes=-3", nil), ("lines=1-2", nil), ("bytes=1-2-3", nil),
        ] as [(String, Range<Int>?)])
    func `ranges are read as clients write them`(_ header: String, _ range: Range<Int>?) {
        #expect(OriginPlan.bounds(header, size: 10) == range)
    }

    @Test func `a changed file is sent as a whole`() {
        func plan(_ range: String?, _ ifRange: String?) -> (HTTPResponseStatus, Range<Int>)? {
            let plan = OriginPlan(file: file, range: range, ifRange: ifRange, fault: .none)
            guard case .send(let status, let range, _) = plan else { return nil }
            return (status, range)
        }
        #expect(plan("bytes=100-", file.etag).map { $0 == (.partialContent, 100..<200_000) } == true)
        #expect(plan("bytes=100-", "\"other\"").map { $0 == (.ok, 0..<200_000) } == true)
        #expect(plan(nil, nil).map { $0 == (.ok, 0..<200_000) } == true)
        let beyond = OriginPlan(file: file, range: "bytes=200000-", ifRange: nil, fault: .none)
        guard case .refuse(.rangeNotSatisfiable, let headers) = beyond else {
            Issue.record("\(beyond)")
            return
        }
        #expect(headers["content-range"] == "bytes */200000")
    }
}
