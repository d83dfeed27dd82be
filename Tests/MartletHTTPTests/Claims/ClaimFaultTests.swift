// Claims and their ends while Redis fails: what callers are told, and that nothing stays claimed by nobody.

import Foundation
import MartletJobs
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP
@testable import MartletQueue
@testable import MartletRedis

@Suite struct ClaimFaultTests {
    private static let turn = ScriptTable.shipped[.turn].mark

    @Test func `a claim whose first reply is lost is asked for again and handed out`() async throws {
        try await withServerBehindProxy { server, proxy in
            try await server.push("a")
            try await server.push("b")
            proxy.loseReply(toRequestWith: Self.turn)
            let claims = try await server.take(1)
            #expect(proxy.lostReplies == 1)
            #expect(claims.map(\.id) == ["a"] && claims[0].int("claims") == 1)
            #expect(try await server.job("b")["state"] == "queued")
            #expect(try await server.end(claims[0], "complete").status == 200)
        }
    }

    @Test func `a claim whose outcome stays unknown is 503, and what it took goes back as soon as Redis answers`()
        async throws
    {
        try await withServerBehindProxy { server, proxy in
            try await server.push("a")
            proxy.add(FaultRule(Fault(.swallow), to: .containing(Self.turn), times: 2))
            let lost = try await server.ask()
            #expect(lost.status == 503 && lost["code"] == "outcome-unknown" && lost["outcome"] == "unknown")
            proxy.heal()
            try await eventually("the job is back") {
                let job = try await server.job("a")
                return job["state"] == "queued" && job.int("claims") == 1
            }
            #expect(try await server.job("a").int("lost") == 0)
            #expect(try await server.take()[0].id == "a")
        }
    }

    @Test(arguments: [
        ("complete", #"{"result":1}"#, JobState.completed), ("fail", #"{"error":{"message":"x"}}"#, .retrying),
        ("release", "{}", .queued), ("snooze", #"{"delay_seconds":600}"#, .retrying),
        ("throttle", #"{"key":"type:t","delay_seconds":600}"#, .blocked),
    ])
    func `an end whose reply is lost is said again, and one that stays unknown may be repeated`(
        word: String, body: String, state: JobState
    ) async throws {
        try await withServerBehindProxy { server, proxy in
            try await server.push("a", #","backoff":{"base_seconds":600}"#)
            let claim = try await server.take()[0]
            proxy.add(FaultRule(Fault(.swallow), to: .containing(Self.turn), times: 2))
            let lost = try await server.end(claim, word, body)
            proxy.heal()
            #expect(lost.status == 503 && lost["outcome"] == "unknown" && lost.strings("ids") == ["a"], "\(lost.text)")
            #expect(try await server.job("a")["state"] == state.rawValue, "it was done all the same")
            let again = try await server.end(claim, word, body)
            #expect(again.status == 200 && again["state"] == state.rawValue, "\(again.text)")
            let job = try await server.job("a")
            #expect(job.int("claims") == 1 && job.int("failures") == (word == "fail" ? 1 : 0))
        }
    }

    @Test func `without Redis a claim and an end are 503 and not executed`() async throws {
        let redis = try await ownRedis("gone", options: ["--appendonly", "yes", "--appendfsync", "always"])
        try await withServer(url: redis.url) { server in
            try await server.push("a")
            let claim = try await server.take()[0]
            redis.kill()
            try await eventually("the server notices") { !server.store.isConnected }
            for answer in [
                try await server.ask(), try await server.ask(#","wait_seconds":5"#),
                try await server.end(claim, "complete"),
                try await server.post("/api/v1/workers/w/heartbeat", "{\"leases\":[{\"token\":\"\(claim.token)\"}]}"),
            ] {
                #expect(answer.status == 503 && answer["outcome"] == "not-executed", "\(answer.text)")
                #expect(answer.headers.first(name: "retry-after") == "1")
            }
            try await redis.restart(within: .seconds(60))
            try await eventually("the end is accepted") {
                try await server.end(claim, "complete").status == 200
            }
        }
        await redis.stop()
    }

    @Test func `of many ends each is answered by itself, and unknown ones are named`() async throws {
        try await withServerBehindProxy { server, proxy in
            try await server.push("a")
            try await server.push("b")
            let claims = try await server.take(2)
            proxy.add(FaultRule(Fault(.swallow), to: .containing(Self.turn), times: 2))
            let list = claims.map { "{\"token\":\"\($0.token)\",\"outcome\":\"complete\"}" }.joined(separator: ",")
            let lost = try await server.post("/api/v1/claims/settle", "{\"settlements\":[\(list)]}")
            proxy.heal()
            #expect(lost.status == 503 && lost["outcome"] == "unknown" && Set(lost.strings("ids")) == ["a", "b"])
            #expect(lost.list("results").map { $0["status"] as? String } == ["unknown", "unknown"])
            let again = try await server.post("/api/v1/claims/settle", "{\"settlements\":[\(list)]}")
            #expect(again.status == 200)
            #expect(again.list("results").map { $0["status"] as? String } == ["settled", "settled"])
        }
    }
}
