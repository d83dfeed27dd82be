// The limit of requests for each token: the algorithm on a clock of its own, and what a client sees.

import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

/// A moment on a clock that a test moves.
private struct Moment: InstantProtocol {
    var time: Duration

    func advanced(by duration: Duration) -> Moment { Moment(time: time + duration) }
    func duration(to other: Moment) -> Duration { other.time - time }
    static func < (left: Moment, right: Moment) -> Bool { left.time < right.time }
}

@Suite struct RequestRateTests {
    /// The decisions about requests at these times, in seconds.
    private static func decisions(_ rate: RequestRate, at seconds: [Double]) -> [RequestRate.Decision] {
        var whole: Moment?
        return seconds.map { rate.decide(&whole, now: Moment(time: .milliseconds(Int($0 * 1000)))) }
    }

    @Test func `a whole quota may come at once, and comes back evenly`() {
        let rate = RequestRate(quota: 4, window: .seconds(60))
        let found = Self.decisions(rate, at: [0, 0, 0, 0, 0, 14.999, 15, 15, 45, 45, 45, 1000])
        #expect(found.map(\.isAllowed) == [true, true, true, true, false, false, true, false, true, true, false, true])
        #expect(found.map(\.remaining) == [3, 2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 3])
        #expect(found[0].seconds == 15 && found[3].seconds == 60)
        #expect(found[4].seconds == 15 && found[5].seconds == 1 && found[7].seconds == 15)
    }

    @Test func `a refused request costs nothing`() {
        let rate = RequestRate(quota: 1, window: .seconds(10))
        let found = Self.decisions(rate, at: [0, 1, 2, 3, 9.9, 10, 10])
        #expect(found.map(\.isAllowed) == [true, false, false, false, false, true, false])
    }

    @Test func `a clock that goes back, an odd quota and a large one are no trouble`() {
        #expect(
            Self.decisions(RequestRate(quota: 2, window: .seconds(60)), at: [100, 0, 0]).map(\.isAllowed) == [
                true, false, false,
            ])
        let third = Self.decisions(RequestRate(quota: 3, window: .seconds(1)), at: Array(repeating: 0, count: 4))
        #expect(third.map(\.isAllowed) == [true, true, true, false])
        let many = RequestRate(quota: 100_000_000, window: .seconds(1))
        #expect(Self.decisions(many, at: [0]).first?.isAllowed == true)
    }

    /// Over a long time no more than the rate gets through, however the requests come.
    @Test func `in any time a caller gets no more than its quota and what came back`() {
        let rate = RequestRate(quota: 10, window: .seconds(10))
        var dice = SystemRandomNumberGenerator()
        var (whole, now, allowed): (Moment?, Duration, [Duration]) = (nil, .zero, [])
        for _ in 0..<5000 {
            now += .milliseconds(Int.random(in: 0...400, using: &dice))
            if rate.decide(&whole, now: Moment(time: now)).isAllowed { allowed.append(now) }
        }
        for (index, start) in allowed.enumerated() {
            let later = allowed[index...].prefix { $0 < start + .seconds(20) }
            #expect(later.count <= 10 + 20)
        }
        #expect(allowed.count >= Int(now / .seconds(1)) / 2)
    }

    @Test func `callers that are whole again are forgotten when there are many`() {
        let limiter = RequestLimiter(RequestRate(quota: 5, window: .seconds(10)))
        let start = ContinuousClock.now
        for number in 0..<RequestLimiter.mostCallers { _ = limiter.take("c\(number)", now: start) }
        #expect(limiter.count == RequestLimiter.mostCallers)
        _ = limiter.take("one more", now: start + .seconds(3600))
        #expect(limiter.count == 1)
    }

    @Test func `each token has its own quota, and answers say what is left`() async throws {
        let (ada, bob) = (try AccessToken(name: "ada", roles: [.admin]), try AccessToken(name: "bob", roles: [.admin]))
        try await withServer(
            settings: {
                $0.requestQuota = 3
                $0.requestWindow = .seconds(86_400)
            }, tokens: "\(ada.line)\n\(bob.line)"
        ) { server in
            let client = server.with(token: ada.secret)
            for left in [2, 1, 0] {
                let answer = try await client.get("/api/v1/stats")
                #expect(answer.status == 200)
                #expect(answer.headers["ratelimit-policy"] == [#""default";q=3;w=86400"#])
                let header = try #require(answer.headers.first(name: "ratelimit"))
                #expect(header.hasPrefix(#""default";r=\#(left);t="#), "\(header)")
            }
            for _ in 0..<3 {
                let refused = try await client.post("/api/v1/jobs", #"{"queue":"q","type":"t"}"#)
                #expect(refused.status == 429 && refused["code"] == "too-many-requests" && refused.int("limit") == 3)
                #expect(refused["outcome"] == "not-executed")
                let wait = try #require(refused.headers.first(name: "retry-after").flatMap { Int($0) })
                #expect((1...28_800).contains(wait))
                #expect(refused.headers["ratelimit"] == ["\"default\";r=0;t=\(wait)"])
            }
            for path in ["/livez", "/readyz", "/metrics", "/openapi.json", "/ui/", "/problems/too-many-requests"] {
                let free = try await client.get(path)
                #expect(free.status == 200 && free.headers["ratelimit"].isEmpty, "\(path)")
            }
            #expect(try await server.with(token: bob.secret).get("/api/v1/stats").status == 200)
            let wrong = try await server.with(token: "mt_wrong").get("/api/v1/stats")
            #expect(wrong.status == 401 && wrong.headers["ratelimit"].isEmpty)
        }
    }

    @Test func `without a limit answers say nothing of it`() async throws {
        try await withServer { server in
            let answer = try await server.get("/api/v1/stats")
            #expect(answer.headers["ratelimit"].isEmpty && answer.headers["ratelimit-policy"].isEmpty)
        }
    }
}
