// Tokens of claims: nothing that a worker changes about one is taken for a claim.

import Foundation
import MartletJobs
import MartletQueue
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

@Suite struct ClaimTokenTests {
    private static let holder = ClaimHolder(caller: "a", worker: "w")

    @Test func `a token is read as it was written`() throws {
        let nonce = ClaimNonce(for: Self.holder, in: .default)
        let token = try #require(ClaimToken("default~order-4711~12~\(nonce)"))
        #expect(token.queue == .default && token.id.description == "order-4711" && token.claims == 12)
        #expect(token.stored == "12:\(nonce)" && token.description == "default~order-4711~12~\(nonce)")
        #expect(nonce.belongs(to: "a", in: .default))
        #expect(!nonce.belongs(to: "b", in: .default) && !nonce.belongs(to: "a", in: .downloads))
        #expect(nonce.description.hasSuffix(ClaimNonce.name(of: Self.holder)))
        #expect(!nonce.description.hasSuffix(ClaimNonce.name(of: ClaimHolder(caller: "a", worker: "v"))))
        #expect(ClaimNonce(for: Self.holder, in: .default) != nonce)
    }

    @Test func `any other form is no token`() {
        let nonce = ClaimNonce(for: Self.holder, in: .default).description
        let good = "q~j~1~\(nonce)"
        #expect(ClaimToken(good) != nil)
        let bad = [
            "", "q~j~1", good + "*", good + "~", "-" + good, "q~j~-1~\(nonce)", "q~j~0~\(nonce)", "q~j~01~\(nonce)",
            "q~j~+1~\(nonce)", "q~j~1~\(nonce.uppercased())", "q~j~1~\(nonce.dropLast())", "q~j~1~\(nonce.dropLast())*",
            "Q~j~1~\(nonce)", "q~j k~1~\(nonce)", "q~~1~\(nonce)", "q~j~1~-\(nonce.dropLast())",
            "q~j~9223372036854775808~\(nonce)", "q~j~1~\(String(repeating: "x", count: 500))",
        ]
        for text in bad { #expect(ClaimToken(text) == nil, "\(text)") }
    }

    @Test func `a token that was altered, made up, or belongs to another caller or queue changes nothing`() async throws
    {
        let (one, two) = (try newToken("one", [.work]), try newToken("two", [.work, .produce, .read]))
        try await withServer(tokens: "\(one.line)\n\(two.line)") { server in
            let (owner, other) = (server.with(token: one.secret), server.with(token: two.secret))
            try await other.push("a")
            try await other.push("a", queue: "p")
            let claim = try await owner.take()[0]
            let token = try #require(ClaimToken(claim.token))
            let forged = ClaimNonce(for: ClaimHolder(caller: "one"), in: token.queue)
            let tries: [(TestServer, String, Int, String)] = [
                (other, claim.token, 409, "lease-lost"),
                (owner, claim.token.replacing("q~", with: "p~"), 409, "lease-lost"),
                (owner, claim.token.replacing("~1~", with: "~2~"), 409, "lease-lost"),
                (owner, "q~a~1~\(forged)", 409, "lease-lost"),
                (owner, "q~nobody~1~\(forged)", 404, "job-gone"),
                (owner, claim.token + "*", 422, "invalid-request"), (owner, "-" + claim.token, 422, "invalid-request"),
                (owner, token.stored, 422, "invalid-request"),
            ]
            for (caller, text, status, code) in tries {
                let words = [
                    "complete": "{}", "fail": #"{"error":{"message":"x"}}"#, "snooze": #"{"delay_seconds":1}"#,
                ]
                for (word, body) in words {
                    let answer = try await caller.post("/api/v1/claims/\(text)/\(word)", body)
                    #expect(answer.status == status && answer["code"] == code, "\(text)/\(word): \(answer.text)")
                }
                let checkpoint = try await caller.send(.PUT, "/api/v1/claims/\(text)/checkpoint", #"{"checkpoint":1}"#)
                #expect(checkpoint.status == status, "\(checkpoint.text)")
                let beat = try await caller.post(
                    "/api/v1/workers/w/heartbeat", "{\"leases\":[{\"token\":\"\(text)\"}]}")
                #expect(beat.list("leases").map { $0["status"] as? String } == ["lost"], "\(beat.text)")
            }
            #expect(try await other.job("a")["state"] == "active")
            #expect(try await other.job("a", queue: "p")["state"] == "queued")
            #expect(try await owner.end(claim, "complete").status == 200)
        }
    }

    @Test func `a token of the role work holds for its queues alone`() async throws {
        let (narrow, wide) = (try newToken("narrow", [.work], "mail,mail-*"), try newToken("wide"))
        try await withServer(tokens: "\(narrow.line)\n\(wide.line)") { server in
            let (worker, all) = (server.with(token: narrow.secret), server.with(token: wide.secret))
            try await all.push("a", queue: "mail-eu")
            try await all.push("b", queue: "secret")
            #expect(try await worker.ask(queues: #"["mail-eu","secret"]"#).status == 403)
            #expect(
                try await all.job("a", queue: "mail-eu").int("claims") == 0, "nothing is taken before all is allowed")
            #expect(try await worker.ask(queues: #"["mail-eu"]"#).claims.map(\.id) == ["a"])
            #expect(try await worker.get("/api/v1/jobs/a").status == 403, "work reads nothing")
        }
    }
}

@Suite struct WaitingCallersTests {
    private let start = ContinuousClock.now

    @Test func `a token makes one caller look, and each that leaves jobs behind the next one`() {
        var callers = WaitingCallers()
        for caller in 1...3 { callers.join(caller, nextLook: start + .seconds(caller)) }
        #expect(callers.nextLook == start + .seconds(1))
        #expect(callers.woken() == 1)
        #expect(callers.looked(1, goesOn: true, nextLook: start) == 2)
        #expect(callers.leave(1) == nil)
        #expect(callers.looked(2, goesOn: false, nextLook: start + .seconds(9)) == nil)
        #expect(callers.nextLook == start + .seconds(9))
        #expect(callers.woken() == 2, "it found nothing and keeps its place")
    }

    @Test func `a token that comes while a caller looks makes one look again`() {
        var callers = WaitingCallers()
        callers.join(1, nextLook: start)
        callers.join(2, nextLook: start)
        #expect(callers.woken() == 1)
        #expect(callers.woken() == nil)
        #expect(callers.looked(1, goesOn: false, nextLook: start) == 1)
        #expect(callers.looked(1, goesOn: false, nextLook: start) == nil)
    }

    @Test func `a caller that leaves while it should look passes that on`() {
        var callers = WaitingCallers()
        callers.join(1, nextLook: start)
        callers.join(2, nextLook: start)
        #expect(callers.woken() == 1)
        #expect(callers.leave(1) == 2)
        #expect(callers.leave(2) == nil)
        #expect(callers.isEmpty && callers.nextLook == nil && callers.woken() == nil)
    }

    @Test func `jobs that a caller cannot run are shown to the next one, and then to it again`() {
        var callers = WaitingCallers()
        callers.join(1, nextLook: start)
        callers.join(2, nextLook: start)
        #expect(callers.woken() == 1)
        #expect(callers.looked(1, goesOn: true, nextLook: start) == 2)
        #expect(callers.looked(2, goesOn: true, nextLook: start) == 1)
        #expect(callers.looked(2, goesOn: true, nextLook: start) == nil, "it was not asked")
    }
}
