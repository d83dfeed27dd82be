// A worker over HTTP as tests play it.

import Foundation
import MartletQueue
import NIOHTTP1
import Testing

/// A claim as a worker got it.
struct TestClaim {
    let json: [String: Any]

    var token: String { json["token"] as? String ?? "" }
    var job: [String: Any] { json["job"] as? [String: Any] ?? [:] }
    var id: String { job["id"] as? String ?? "" }
    var leaseSeconds: Double { (json["lease_seconds"] as? NSNumber)?.doubleValue ?? 0 }

    func int(_ key: String) -> Int? { (job[key] as? NSNumber)?.intValue }
}

extension Answer {
    var claims: [TestClaim] { list("claims").map { TestClaim(json: $0) } }
}

extension TestServer {
    /// Claims with these members of the body besides the queue.
    func ask(_ more: String = "", queues: String = #"["q"]"#) async throws -> Answer {
        try await post("/api/v1/claims", "{\"queues\":\(queues)\(more)}")
    }

    /// Claims jobs that are there.
    func take(_ count: Int = 1, _ more: String = "") async throws -> [TestClaim] {
        let answer = try await ask(",\"max\":\(count)\(more)")
        try #require(answer.status == 200, "\(answer.status) \(answer.text)")
        return answer.claims
    }

    /// Pushes a job into the queue `q`, or as `more` says.
    @discardableResult
    func push(_ id: String, _ more: String = "", queue: String = "q") async throws -> Answer {
        let answer = try await post("/api/v1/jobs", "{\"type\":\"t\",\"queue\":\"\(queue)\",\"id\":\"\(id)\"\(more)}")
        try #require(answer.status == 201, "\(answer.text)")
        return answer
    }

    /// Ends a claim.
    func end(_ claim: TestClaim, _ word: String, _ body: String? = nil) async throws -> Answer {
        try await post("/api/v1/claims/\(claim.token)/\(word)", body)
    }

    /// A job as the API shows it.
    func job(_ id: String, queue: String = "q") async throws -> Answer {
        try await get("/api/v1/jobs/\(id)?queue=\(queue)")
    }
}

/// The bytes of a claim on a raw socket.
func claimRequest(_ body: String) -> String {
    "POST /api/v1/claims HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
}
