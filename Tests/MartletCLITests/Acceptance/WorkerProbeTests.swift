// What machines ask of a worker process: whether it makes progress, whether it claims, and its metrics.

import AsyncHTTPClient
import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletRedis
import NIOCore
import NIOHTTP1
import Testing

@testable import MartletCLI

@Suite struct WorkerProbeTests {
    private func ask(_ url: String) async throws -> (status: Int, text: String) {
        let answer = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
        return (Int(answer.status.code), String(buffer: try await answer.body.collect(upTo: 1 << 20)))
    }

    @Test func `a worker that cannot store downloads does not start, and is not ready while it cannot`() async throws {
        let content = OriginContent(files: [OriginFile(name: "a.bin", size: 1000, seed: 1)], bytesPerSecond: 100 << 20)
        try await TestStack.with(content) { stack in
            let path = stack.directory + "/blocked"
            try Data([1]).write(to: URL(filePath: path))
            for place in [path, "/proc/nope"] {
                let refused = try await stack.martlet("work", environment: ["DOWNLOAD__DIRECTORY": place])
                #expect(refused.status == 78, "\(refused.errors)")
                #expect(refused.errors.contains("DOWNLOAD__DIRECTORY=\(place): no file can be made there"))
                let doctor = try await stack.martlet(
                    "doctor", "-o", "json", environment: ["DOWNLOAD__DIRECTORY": place])
                let checks = doctor.json["checks"].array ?? []
                #expect(checks.first { $0["check"].string == "download directory" }?["result"].string == "failed")
            }
            try FileManager.default.removeItem(atPath: path)
            let port = try await LoopbackPort.free()
            let base = "http://127.0.0.1:\(port)"
            try await stack.serve()
            try stack.work(["WORKER_HTTP_PORT": String(port), "DOWNLOAD__DIRECTORY": path])
            try await stack.until("the worker is ready") { await (try? ask(base + "/readyz"))?.status == 200 }
            try FileManager.default.removeItem(atPath: path)
            try Data([1]).write(to: URL(filePath: path))
            try await stack.until("it is not ready") {
                let answer = try? await ask(base + "/readyz")
                return answer?.status == 503 && answer?.text.contains("download-directory") == true
            }
            let id = try await stack.add("a.bin")
            try await stack.until("the download waits") {
                try await stack.get("/api/v1/jobs/\(id)")["error"].string?.contains("storage_failed") == true
            }
            #expect(try await stack.get("/api/v1/jobs/\(id)")["failures"].int == 0, "it used up no retry")
            try await stack.until("work", logs: "download directory not writable, downloads wait")
            try FileManager.default.removeItem(atPath: path)
            try await stack.until("it is ready again") { await (try? ask(base + "/readyz"))?.status == 200 }
        }
    }

    @Test func `a worker with a port answers probes, and is not ready without Redis`() async throws {
        try await TestStack.with(OriginContent(files: [], bytesPerSecond: 100 << 20)) { stack in
            let port = try await LoopbackPort.free()
            let base = "http://127.0.0.1:\(port)"
            try stack.work(["WORKER_HTTP_PORT": String(port)])
            try await stack.until("the worker is ready") {
                guard let answer = try? await ask(base + "/readyz"), answer.status == 200 else { return false }
                #expect(answer.text.contains("\"claims\":\"ok\""))
                return true
            }
            #expect(try await ask(base + "/livez").status == 200)
            // A task of its own measures them.
            try await stack.until("there are metrics") {
                try await ask(base + "/metrics").text.contains("martlet_worker_slots")
            }
            #expect(try await ask(base + "/api/v1/queues").status == 404, "nothing else is served")
            await stack.redis.stop()
            try await stack.until("it is not ready") { await (try? ask(base + "/readyz"))?.status == 503 }
            #expect(try await ask(base + "/livez").status == 200, "a restart would not bring Redis back")
            try await stack.redis.restart()
            try await stack.until("it is ready again") { await (try? ask(base + "/readyz"))?.status == 200 }
        }
    }
}
