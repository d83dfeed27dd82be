// What machines ask of a worker process: whether it makes progress, whether it claims, and its metrics.

import AsyncHTTPClient
import FoundationEssentials
import MartletCommandSupport
import MartletRedis
import NIOCore
import NIOHTTP1
import Testing

@testable import MartletCLI

@Suite struct WorkerProbeTests {
    private func ask(_ url: String) async throws -> (status: Int, text: String) {
        let answer = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
        return (Int(answer.status.code), String(buffer: try await answer.body.collect(upTo: 1 << 20)))
    }

    @Test func `a worker with a port answers probes, and is not ready without Redis`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 100 << 20)) { stack in
            let port = try await LoopbackPort.free()
            let base = "http://127.0.0.1:\(port)"
            try stack.work(["WORKER_HTTP_PORT": String(port)])
            try await stack.until("the worker is ready") { await (try? ask(base + "/readyz"))?.status == 200 }
            #expect(try await ask(base + "/readyz").text.contains("\"claims\":\"ok\""))
            #expect(try await ask(base + "/livez").status == 200)
            #expect(try await ask(base + "/metrics").text.contains("martlet_worker_slots"))
            #expect(try await ask(base + "/api/v1/queues").status == 404, "nothing else is served")
            await stack.redis.stop()
            try await stack.until("it is not ready") { await (try? ask(base + "/readyz"))?.status == 503 }
            #expect(try await ask(base + "/livez").status == 200, "a restart would not bring Redis back")
            try await stack.redis.restart()
            try await stack.until("it is ready again") { await (try? ask(base + "/readyz"))?.status == 200 }
        }
    }
}
