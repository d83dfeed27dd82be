// The scaling of a queue over HTTP, and the ScaledObject that asks for it.

import Foundation
import MartletJobs
import MartletQueue
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct ScalingTests {
    @Test func `a queue says how many workers it can use`() async throws {
        try await withServer { server in
            #expect(try await server.get("/api/v1/queues/mail/scaling").status == 404)
            let queue = server.harness.queue("mail")
            _ = try await queue.enqueue((0..<10).map { _ in NewJob(type: "t", payload: Array("{}".utf8)) })
            let plain = try await server.get("/api/v1/queues/mail/scaling")
            #expect(plain.int("workers_wanted") == 10 && plain.json["load"] as? Double == 10)
            #expect(plain.json["time_to_clear_seconds"] is NSNull)
            let slots = try await server.get("/api/v1/queues/mail/scaling?slots_per_worker=4&target_seconds=300")
            #expect(slots.int("workers_wanted") == 3)
            try await queue.pause()
            let paused = try await server.get("/api/v1/queues/mail/scaling")
            #expect(paused.int("workers_wanted") == 0)
            for query in ["slots_per_worker=0", "target_seconds=0", "slots_per_worker=x", "more=1"] {
                #expect(try await server.get("/api/v1/queues/mail/scaling?\(query)").status == 422, "\(query)")
            }
        }
    }

    @Test func `the ScaledObject of the guide asks a route that there is for a number that it has`() async throws {
        let text = try Guides.text(of: "config/keda-scaledobject.yaml")
        let blocks = try Guides.blocks(in: "yaml").map { $0.lines.joined(separator: "\n") + "\n" }
        #expect(blocks.contains(text))
        let url = try #require(text.firstMatch(of: /url: http:\/\/[^\/]+(\/\S+)/)).output.1
        let name = try #require(text.firstMatch(of: /valueLocation: (\w+)/)).output.1
        try await withServer { server in
            _ = try await server.harness.queue("mail").enqueue([NewJob(type: "t", payload: Array("{}".utf8))])
            let answer = try await server.get(String(url))
            #expect(answer.status == 200 && answer.int(String(name)) == 1, "\(answer.text)")
        }
    }
}
