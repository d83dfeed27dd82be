// Draining and deleting queues over HTTP, and the limit of their number.

import Foundation
import MartletHTTP
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@Suite struct QueueRemovalTests {
    private static let path = "/api/v1/queues/mail"

    private func push(_ server: TestServer, _ more: String = "") async throws {
        let answer = try await server.post("/api/v1/jobs", "{\"type\":\"t\",\"queue\":\"mail\"\(more)}")
        try #require(answer.status == 201, "\(answer.text)")
    }

    @Test func `a drain cancels waiting jobs and leaves running ones`() async throws {
        try await withServer { server in
            #expect(try await server.post(Self.path + "/drain").status == 404)
            for more in ["", "", #","delay_seconds":60"#] { try await push(server, more) }
            let running = try #require(try await server.claim(from: server.harness.queue("mail")).first)
            let drained = try await server.post(Self.path + "/drain")
            #expect(drained.status == 200, "\(drained.text)")
            #expect(drained.int("cancelled") == 2)
            #expect(drained.int("waiting") == 0)
            #expect(drained.int("running") == 1)
            #expect(try await server.post(Self.path + "/drain").int("cancelled") == 0, "it may be repeated")
            try await server.settle(running, .completed(output: nil), in: server.harness.queue("mail"))
            let queue = try await server.get(Self.path)
            let jobs = try #require(queue.json["jobs"] as? [String: Int])
            #expect(jobs["cancelled"] == 2)
            #expect(jobs["completed"] == 1)
        }
    }

    @Test func `a queue without jobs is deleted, finished jobs only on request`()
        async throws
    {
        try await withServer { server in
            let (confirm, all) = (Self.path + "?confirm=mail", Self.path + "?confirm=mail&finished=true")
            #expect(try await server.send(.DELETE, confirm).status == 404)
            try await push(server)
            let running = try #require(try await server.claim(from: server.harness.queue("mail")).first)
            try await push(server)
            for path in [confirm, all] {
                let refused = try await server.send(.DELETE, path)
                #expect(refused.status == 409, "\(refused.text)")
                #expect(refused["code"] == "queue-not-empty")
                #expect(refused.int("waiting") == 1)
                #expect(refused.int("running") == 1)
            }
            _ = try await server.post(Self.path + "/drain")
            #expect(try await server.send(.DELETE, all).status == 409, "a running job keeps its queue")
            try await server.settle(running, .completed(output: nil), in: server.harness.queue("mail"))
            let kept = try await server.send(.DELETE, confirm)
            #expect(kept.status == 409)
            #expect(kept.int("finished") == 2)
            let deleted = try await server.send(.DELETE, all)
            #expect(deleted.status == 200, "\(deleted.text)")
            #expect(deleted["name"] == "mail")
            #expect(deleted.int("deleted_jobs") == 2)
            #expect(try await server.get(Self.path).status == 404)
            #expect(try await server.send(.DELETE, all).status == 404)
            let names = try await server.store.queueNames()
            #expect(names.isEmpty)
            try await push(server)
            #expect(try await server.get(Self.path).int("total_jobs") == 1, "a push makes it anew")
        }
    }

    @Test(arguments: ["", "?confirm=", "?confirm=post", "?finished=true", "?confirm=mail&finished=yes"])
    func `a deletion without the queue's name as confirmation is 422 and deletes nothing`(query: String) async throws {
        try await withServer { server in
            try await server.harness.queue("mail").create()
            let answer = try await server.send(.DELETE, Self.path + query)
            #expect(answer.status == 422, "\(answer.text)")
            #expect(try await server.get(Self.path).status == 200)
        }
    }

    @Test func `a queue beyond the limit is not created, and the answer says so`() async throws {
        try await withServer { server in
            server.store.limitQueues(to: 2)
            for queue in ["a", "b"] {
                let body = "{\"type\":\"t\",\"queue\":\"\(queue)\"}"
                #expect(try await server.post("/api/v1/jobs", body).status == 201)
            }
            let body = #"{"type":"t","queue":"c"}"#
            let bulk = "{\"jobs\":[\(body)]}"
            for (path, body) in [("/api/v1/jobs", body), ("/api/v1/jobs/bulk", bulk)] {
                let refused = try await server.post(path, body)
                #expect(refused.status == 422, "\(refused.text)")
                #expect(refused["code"] == "too-many-queues")
                #expect(refused.int("limit") == 2)
            }
            #expect(try await server.send(.PUT, "/api/v1/queues/c", #"{"concurrency":1}"#).status == 422)
            #expect(try await server.post("/api/v1/jobs", #"{"type":"t","queue":"b"}"#).status == 201)
            #expect(try await server.get("/api/v1/queues/c").status == 404)
        }
    }
}
