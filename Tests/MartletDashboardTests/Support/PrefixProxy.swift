// A reverse proxy that serves an installation below a prefix, as administrators set one up.

import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport

/// A proxy in front of a server.
enum PrefixProxy {
    /// Runs `body` with the address of a proxy that serves `target` below `/ops/martlet`.
    static func with(_ target: String, _ body: @escaping @Sendable (String) async throws -> Void) async throws {
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let responder = CallbackResponder { (request: Request, _: BasicRequestContext) in
            try await forward(request, to: target)
        }
        let application = Application(
            responder: responder, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? 0) }, logger: noLogger)
        let group = ServiceGroup(services: [application], logger: noLogger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var iterator = ports.makeAsyncIterator()
            let port = await iterator.next() ?? 0
            let result: Result<Void, any Error>
            do {
                try await body("http://127.0.0.1:\(port)/ops/martlet")
                result = .success(())
            } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try result.get()
        }
    }

    // A proxy passes redirects on. The client lives as long as the process, as the shared one does.
    private static let client = HTTPClient(
        eventLoopGroupProvider: .singleton,
        configuration: HTTPClient.Configuration(redirectConfiguration: .disallow))

    /// Takes the prefix off the path and passes everything else on, the host too.
    private static func forward(_ request: Request, to target: String) async throws -> Response {
        let prefix = "/ops/martlet/"
        guard request.uri.string.hasPrefix(prefix) else { return Response(status: .notFound) }
        var onward = HTTPClientRequest(url: target + "/" + request.uri.string.dropFirst(prefix.count))
        onward.method = HTTPMethod(rawValue: request.method.rawValue)
        for field in request.headers { onward.headers.add(name: field.name.rawName, value: field.value) }
        if let authority = request.head.authority { onward.headers.replaceOrAdd(name: "host", value: authority) }
        onward.headers.remove(name: "content-length")
        let body = try await request.body.collect(upTo: 16 << 20)
        if body.readableBytes > 0 { onward.body = .bytes(body) }
        let answer = try await client.execute(onward, timeout: .minutes(5))
        var headers = HTTPFields()
        for (name, value) in answer.headers where name.lowercased() != "content-length" {
            if let name = HTTPField.Name(name) { headers.append(HTTPField(name: name, value: value)) }
        }
        // A stream of events has no end.
        return Response(
            status: .init(code: Int(answer.status.code)), headers: headers,
            body: ResponseBody(asyncSequence: answer.body))
    }
}
