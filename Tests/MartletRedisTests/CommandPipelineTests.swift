// The machine of the commands, without sockets and clocks.

import NIOCore
import Testing

@testable import MartletRedis

@Suite struct CommandPipelineTests {
    typealias Pipeline = CommandPipeline<Int>

    /// What became of the waiters, in words.
    private static func words(_ deliveries: [Pipeline.Delivery]) -> [String] {
        deliveries.map { delivery in
            switch delivery {
            case .reply(let waiter, let value, _): "\(waiter)=\(value.int ?? -1)"
            case .replies(let waiter, let values, let error, _):
                "\(waiter)=\(values.map { $0.int ?? -1 })" + (error.map { " then \($0.code)" } ?? "")
            case .failure(let waiter, let error): "\(waiter):\(error.code)/\(error.outcome)"
            }
        }
    }

    private static func submit(
        _ pipeline: inout Pipeline, _ id: UInt64, batch: Int? = nil, bytes: String = "x", timeout: Int64 = 10,
        now: Int64 = 0, cancelled: Bool = false, endsOnRefusal: Bool = false
    ) -> String {
        let terms = Pipeline.Terms(
            replies: batch ?? 1, isBatch: batch != nil, timeout: timeout, endsOnRefusal: endsOnRefusal)
        let submission = pipeline.submit(
            id: id, waiter: Int(id), terms: terms, isCancelled: cancelled, now: now
        ) { $0.writeString(bytes) }
        switch submission {
        case .accepted(let wake, let arm): return (wake ? "wake " : "") + (arm ? "arm" : "")
        case .refused(let waiter, let error): return "\(waiter):\(error.code)/\(error.outcome)"
        }
    }

    private static func write(_ pipeline: inout Pipeline, now: Int64 = 0) -> String? {
        pipeline.takeWrite(now: now).map { String(buffer: $0) }
    }

    private static func receive(_ pipeline: inout Pipeline, _ value: RedisValue) -> [String] {
        switch pipeline.receive(value, now: 5) {
        case .nothing: []
        case .deliver(let delivery): words([delivery])
        case .unexpected: ["unexpected"]
        }
    }

    /// A pipeline with a connection.
    private static func connected() -> Pipeline {
        var pipeline = Pipeline()
        _ = pipeline.linkReady()
        return pipeline
    }

    @Test func `after a failed attempt to connect, a command waits for a connection for the offline timeout`() {
        var pipeline = Pipeline()
        let terms = Pipeline.Terms(timeout: 100, offlineTimeout: 10)
        for id in 1...2 as ClosedRange<UInt64> {
            _ = pipeline.submit(
                id: id, waiter: Int(id), terms: terms, isCancelled: false, now: Int64(id * 5)
            ) { $0.writeString("x") }
        }
        let untried = Self.words(pipeline.checkDeadlines(now: 20).deliveries)
        #expect(untried.isEmpty, "nobody knows yet that there is no server")
        _ = pipeline.connectFailed(RedisError(.connectionFailed, "refused"))
        let refused = Self.words(pipeline.checkDeadlines(now: 17).deliveries)
        #expect(refused == ["1:notConnected/notExecuted"])
        _ = pipeline.linkReady()
        let connected = Self.words(pipeline.checkDeadlines(now: 50).deliveries)
        #expect(connected.isEmpty, "the second one will be written")
    }

    @Test func `requests of one tick leave in one write and wake the loop once`() {
        var pipeline = Self.connected()
        let wakes = [
            Self.submit(&pipeline, 1, bytes: "a"), Self.submit(&pipeline, 2, bytes: "b"),
            Self.submit(&pipeline, 3, bytes: "c"),
        ]
        #expect(wakes == ["wake arm", "", ""])
        let (first, second) = (Self.write(&pipeline), Self.write(&pipeline))
        #expect(first == "abc")
        #expect(second == nil)
        let again = Self.submit(&pipeline, 4, bytes: "d")
        #expect(again == "wake ")
    }

    @Test func `replies go to the waiters in order, and a batch waits for all of its own`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = Self.submit(&pipeline, 2, batch: 3)
        _ = Self.submit(&pipeline, 3)
        _ = Self.write(&pipeline)
        let results = (1...5).flatMap { Self.receive(&pipeline, .integer($0)) }
        #expect(results == ["1=1", "2=[2, 3, 4]", "3=5"])
        let extra = Self.receive(&pipeline, .integer(6))
        #expect(extra == ["unexpected"])
    }

    @Test func `without a connection commands wait, and leave together when there is one`() {
        var pipeline = Pipeline()
        let wakes = [Self.submit(&pipeline, 1, bytes: "a"), Self.submit(&pipeline, 2, bytes: "b")]
        #expect(wakes == ["arm", ""])
        let early = Self.write(&pipeline)
        #expect(early == nil)
        let ready = pipeline.linkReady()
        #expect(ready?.wake == true)
        let bytes = Self.write(&pipeline)
        #expect(bytes == "ab")
    }

    @Test func `a lost connection makes the written ones unknown and keeps the others for the next`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = Self.submit(&pipeline, 2, batch: 3)
        _ = Self.submit(&pipeline, 3, batch: 2)
        _ = Self.write(&pipeline)
        _ = Self.submit(&pipeline, 4, bytes: "kept")
        _ = Self.receive(&pipeline, .integer(7))
        _ = Self.receive(&pipeline, .integer(8))
        let lost = Self.words(pipeline.linkLost(1, error: RedisError(.connectionLost, "gone")))
        #expect(lost == ["2=[8] then connectionLost", "3:connectionLost/unknown"])
        _ = pipeline.linkReady()
        let bytes = Self.write(&pipeline)
        #expect(bytes == "kept")
        let late = Self.words(pipeline.linkLost(1, error: RedisError(.connectionLost, "late")))
        #expect(late.isEmpty)
        let reply = Self.receive(&pipeline, .integer(9))
        #expect(reply == ["4=9"])
    }

    @Test func `cancelling before the write removes the bytes, after it only the waiter`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1, bytes: "a")
        _ = Self.submit(&pipeline, 2, bytes: "b")
        _ = Self.submit(&pipeline, 3, bytes: "c")
        let early = pipeline.cancel(id: 2).map { Self.words([$0]) }
        #expect(early == ["2:cancelled/notExecuted"])
        let bytes = Self.write(&pipeline)
        #expect(bytes == "ac")
        let late = pipeline.cancel(id: 1).map { Self.words([$0]) }
        #expect(late == ["1:cancelled/unknown"])
        let twice = pipeline.cancel(id: 1).map { Self.words([$0]) }
        #expect(twice == nil)
        let replies = Self.receive(&pipeline, .integer(1)) + Self.receive(&pipeline, .integer(2))
        #expect(replies == ["3=2"])
    }

    @Test func `a batch cancelled half-way leaves nothing to the next batch`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1, batch: 2)
        _ = Self.submit(&pipeline, 2, batch: 2)
        _ = Self.write(&pipeline)
        _ = Self.receive(&pipeline, .integer(1))
        _ = pipeline.cancel(id: 1)
        let rest = (2...4).flatMap { Self.receive(&pipeline, .integer($0)) }
        #expect(rest == ["2=[3, 4]"])
    }

    @Test func `when all requests are cancelled nothing is written`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = pipeline.cancel(id: 1)
        let bytes = Self.write(&pipeline)
        #expect(bytes == nil)
        let (idle, reply) = (pipeline.isIdle, Self.receive(&pipeline, .integer(1)))
        #expect(idle)
        #expect(reply == ["unexpected"])
    }

    @Test func `a task that was cancelled before sending sends nothing`() {
        var pipeline = Self.connected()
        let answer = Self.submit(&pipeline, 1, cancelled: true)
        #expect(answer == "1:cancelled/notExecuted")
        let bytes = Self.write(&pipeline)
        #expect(bytes == nil)
    }

    @Test func `a request that waits too long for a connection fails, and its bytes are never sent`() {
        var pipeline = Pipeline()
        _ = Self.submit(&pipeline, 1, bytes: "a", timeout: 10)
        _ = Self.submit(&pipeline, 2, bytes: "b", timeout: 20)
        var check = pipeline.checkDeadlines(now: 9)
        #expect(check.deliveries.isEmpty && check.rearm)
        check = pipeline.checkDeadlines(now: 10)
        let words = Self.words(check.deliveries)
        #expect(words == ["1:notConnected/notExecuted"])
        #expect(check.rearm && check.overdueLink == nil)
        _ = pipeline.linkReady()
        let bytes = Self.write(&pipeline)
        #expect(bytes == "b")
    }

    @Test func `an overdue head closes the connection and makes all written ones unknown`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1, timeout: 10)
        _ = Self.submit(&pipeline, 2, timeout: 10, now: 5)
        _ = Self.write(&pipeline, now: 5)
        _ = Self.submit(&pipeline, 3, bytes: "kept", timeout: 10, now: 14)
        let early = pipeline.checkDeadlines(now: 14)
        #expect(early.overdueLink == nil)
        let check = pipeline.checkDeadlines(now: 15)
        #expect(check.overdueLink == 1)
        let words = Self.words(check.deliveries)
        #expect(words == ["1:timeout/unknown", "2:timeout/unknown"])
        let (link, again) = (pipeline.link, Self.words(pipeline.linkLost(1, error: RedisError(.connectionLost, ""))))
        #expect(link == nil)
        #expect(again.isEmpty)
        _ = pipeline.linkReady()
        let bytes = Self.write(&pipeline)
        #expect(bytes == "kept")
    }

    @Test func `the timer stops when no request waits`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = Self.write(&pipeline)
        _ = Self.receive(&pipeline, .integer(1))
        let check = pipeline.checkDeadlines(now: 100)
        #expect(!check.rearm)
        let answer = Self.submit(&pipeline, 2)
        #expect(answer == "wake arm")
    }

    @Test func `draining refuses new commands, finishes the old and then closes`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = Self.write(&pipeline)
        _ = Self.submit(&pipeline, 2, bytes: "last")
        let drained = pipeline.drain()
        #expect(drained.isEmpty)
        let refused = Self.submit(&pipeline, 3)
        #expect(refused == "3:closed/notExecuted")
        let bytes = Self.write(&pipeline)
        #expect(bytes == "last")
        let early = pipeline.shouldCloseLink
        #expect(!early)
        let replies = Self.receive(&pipeline, .integer(1)) + Self.receive(&pipeline, .integer(2))
        #expect(replies == ["1=1", "2=2"])
        let done = pipeline.shouldCloseLink
        #expect(done)
    }

    @Test func `draining without a connection ends at once, and no connection is accepted afterwards`() {
        var pipeline = Pipeline()
        _ = Self.submit(&pipeline, 1)
        let words = Self.words(pipeline.drain())
        #expect(words == ["1:closed/notExecuted"])
        let ready = pipeline.linkReady()
        #expect(ready == nil)
    }

    @Test func `closing makes written requests unknown and pending ones not executed`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = Self.write(&pipeline)
        _ = Self.submit(&pipeline, 2)
        let words = Self.words(pipeline.close())
        #expect(words == ["2:closed/notExecuted", "1:closed/unknown"])
        let again = pipeline.close()
        #expect(again.isEmpty)
    }

    @Test func `a retired connection accepts nothing more, finishes, and is closed`() {
        var pipeline = Self.connected()
        _ = Self.submit(&pipeline, 1)
        _ = Self.write(&pipeline)
        pipeline.retireReadOnlyLink(now: 0)
        let wake = Self.submit(&pipeline, 2, bytes: "next")
        #expect(wake == "")
        let early = (Self.write(&pipeline), pipeline.shouldCloseLink)
        #expect(early.0 == nil && !early.1)
        _ = Self.receive(&pipeline, .integer(1))
        let done = pipeline.shouldCloseLink
        #expect(done)
        _ = pipeline.linkLost(1, error: RedisError(.closed, ""))
        _ = pipeline.linkReady()
        let bytes = Self.write(&pipeline)
        #expect(bytes == "next")
    }

    @Test func `connections to a replica are replaced at once, then less and less often, so that reads continue`() {
        var pipeline = Self.connected()
        var replaced: [Int64] = []
        var link: UInt64 = 1
        for tenth in Int64(0)..<200 {
            pipeline.retireReadOnlyLink(now: tenth * 100_000_000)
            guard pipeline.shouldCloseLink else { continue }
            replaced.append(tenth)
            _ = pipeline.linkLost(link, error: RedisError(.closed, ""))
            _ = pipeline.linkReady()
            link += 1
        }
        #expect(replaced == [0, 10, 30, 70, 120, 170])
        pipeline.retireReadOnlyLink(now: 60_000_000_000)
        let first = pipeline.shouldCloseLink
        _ = pipeline.linkLost(link, error: RedisError(.closed, ""))
        _ = pipeline.linkReady()
        pipeline.retireReadOnlyLink(now: 61_000_000_000)
        let second = pipeline.shouldCloseLink
        #expect(first && second, "after a quiet time it begins anew")
    }

    @Test func `a refused log-in ends only the requests that opted in`() {
        var pipeline = Pipeline()
        _ = Self.submit(&pipeline, 1, bytes: "a")
        _ = Self.submit(&pipeline, 2, bytes: "b", endsOnRefusal: true)
        let other = Self.words(pipeline.connectFailed(RedisError(.connectionFailed, "no")))
        #expect(other.isEmpty)
        let words = Self.words(pipeline.connectFailed(RedisError(.authentication, "no")))
        #expect(words == ["2:authentication/notExecuted"])
        _ = pipeline.linkReady()
        let bytes = Self.write(&pipeline)
        #expect(bytes == "a")
    }
}
