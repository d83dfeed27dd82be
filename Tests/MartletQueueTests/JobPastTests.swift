// What jobs keep of their past, what the groups of errors count, and what both cost.

import Foundation
import MartletJobs
import MartletRedis
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct JobPastTests {
    @Test func `a failed attempt says when, where and how long it ran, and why it failed`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            let claimed = try #require(try await harness.claim(from: queue).first)
            try await harness.setClock(.seconds(5))
            let end = Settlement(
                id: new.id, token: claimed.token, outcome: .failed(retryAfter: .zero, error: "no\nroom"),
                worker: "host-1")
            _ = try await queue.settle([end])
            let record = try #require(try await queue.job(new.id))
            let attempt = try #require(record.attempts.first)
            #expect(record.attempts.count == 1)
            #expect(attempt.outcome == .failed && attempt.worker == "host-1" && attempt.error == "no\nroom")
            let began = try #require(attempt.startedAt)
            #expect((5..<60).contains(attempt.endedAt.timeIntervalSince(began)))
        }
    }

    @Test func `a job that never fails has no more fields than before`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            let claimed = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle([claimed.completion])
            let names = try await harness.command("HKEYS", harness.key("job:\(new.id)")).array ?? []
            #expect(Set(names.compactMap(\.string)) == ["t", "p", "k", "at"])
            #expect(try await harness.command("EXISTS", harness.key("errors"), harness.key("error_groups")).int == 0)
        }
    }

    @Test func `attempts survive a retry by hand and the completion`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job(maxRetries: 0)
            _ = try await queue.enqueue(new)
            let first = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle(first, .failedForGood(error: "broken"))
            _ = try await queue.control(.retry, new.id)
            let second = try #require(try await harness.claim(from: queue).first)
            _ = try await queue.settle([second.completion])
            let record = try #require(try await queue.job(new.id))
            #expect(record.state == .completed && record.error == nil)
            #expect(record.attempts.map(\.error) == ["broken"])
        }
    }

    @Test func `an error and a worker of any length and content are cut and read again`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job(maxRetries: 50)
            _ = try await queue.enqueue(new)
            let errors = [
                "", " ", String(repeating: "é", count: 5000), "a\u{1E}\u{1F}b", "\u{0}", "line\nline",
                String(repeating: "\u{1E}", count: 600),
            ]
            for error in errors {
                let claimed = try #require(try await harness.claim(from: queue).first)
                let outcome = Settlement.Outcome.failed(retryAfter: .zero, error: error)
                let worker = String(repeating: "w \u{1F}", count: 200)
                _ = try await queue.settle([
                    Settlement(id: new.id, token: claimed.token, outcome: outcome, worker: worker)
                ])
            }
            let attempts = try #require(try await queue.job(new.id)).attempts
            #expect(attempts.count == errors.count)
            #expect(attempts.allSatisfy { ($0.error ?? "").utf8.count <= 515 && ($0.worker ?? "").utf8.count <= 128 })
            #expect(attempts.first { $0.error?.hasPrefix("a") ?? false }?.error == "a  b")
            let groups = try await queue.errorGroups()
            #expect(groups.allSatisfy { $0.message.utf8.count <= 515 })
            #expect(groups.reduce(0) { $0 + $1.total } == errors.count)
        }
    }

    @Test func `a payload that is replaced is kept once, also by a retry`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let new = job()
            _ = try await queue.enqueue(new)
            for text in ["[2]", "[2]", "[3]", "[4]", "[5]"] {
                _ = try await queue.edit(new.id, payload: Array(text.utf8))
            }
            var record = try #require(try await queue.job(new.id))
            let texts = record.earlierPayloads.map { String(decoding: $0.payload ?? [], as: UTF8.self) }
            #expect(texts == ["[4]", "[3]", "[2]"])
            _ = try await queue.retry(new.id, payload: Array("[6]".utf8))
            record = try #require(try await queue.job(new.id))
            #expect(record.payload == Array("[6]".utf8))
            #expect(record.earlierPayloads.first?.payload == Array("[5]".utf8) && record.earlierPayloads.count == 3)
        }
    }

    @Test func `groups are by type and fingerprint, the last seen first, page by page`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            let names = ["a", "b", "c"]
            for name in names + names { _ = try await queue.enqueue(NewJob(type: name, payload: [1])) }
            for job in try await harness.claim(6, from: queue) {
                _ = try await queue.settle(job, .failedForGood(error: "order \(UInt64.random(in: 1..<100_000)) failed"))
            }
            let groups = try await queue.errorGroups()
            #expect(Set(groups.map(\.type)) == Set(names))
            #expect(groups.allSatisfy { $0.total == 2 && $0.counts[.hour] == 2 && $0.counts[.week] == 2 })
            #expect(Set(groups.map(\.fingerprint)).count == 1)
            #expect(groups.map(\.lastSeen) == groups.map(\.lastSeen).sorted(by: >))
            var paged: [ErrorGroup] = []
            while let next = try await queue.errorGroups(after: paged.last.map { ErrorGroupPlace($0) }, limit: 1).first
            {
                paged.append(next)
            }
            #expect(paged == groups)
            var filter = JobFilter()
            filter.errorFingerprint = groups[0].fingerprint
            filter.type = groups[0].type
            #expect(try await queue.find(filter).jobs.count == 2, "the filter of actions finds the jobs of a group")
        }
    }

    @Test func `groups of another Redis type stop no worker`() async throws {
        try await withStore { harness in
            let queue = harness.queue()
            for key in ["errors", "error_groups"] {
                let new = job(maxRetries: 0)
                _ = try await queue.enqueue(new)
                try await harness.command("SET", harness.key(key), "text")
                let claimed = try #require(try await harness.claim(from: queue).first)
                #expect(try await queue.settle(claimed, .failedForGood(error: "x")) == .settled(.failed))
                try await harness.command("DEL", harness.key("errors"), harness.key("error_groups"))
            }
        }
    }

    @Test(arguments: [
        "", "1", "1 2 3", "x\ny\nz\nw", "1 1 a\n5:\n:1\ntext", "-1 99999999999999999999 a\n1:1\n1:1\nt", "\n\n\n",
    ])
    func `whatever a group's description contains, the list answers`(text: String) async throws {
        try await withStore { harness in
            let queue = harness.queue()
            try await queue.create()
            for name in ["0123456789ab t", "bad", "0123456789ab"] {
                try await harness.command("ZADD", harness.key("errors"), "\(Int.max / 2048)", name)
                try await harness.command("HSET", harness.key("error_groups"), name, text)
            }
            let groups = try await queue.errorGroups()
            #expect(groups.count <= 1)
        }
    }

    @Test(arguments: 0..<3)
    func `counts are those of a list of all failures`(seed: UInt64) async throws {
        try await withStore { harness in
            var dice = SplitMix(seed)
            let queue = harness.queue()
            let steps = [(ErrorGroup.Window.hour, 1, 300_000), (.threeHours, 3, 300_000), (.day, 24, 3_600_000)]
            var times: [Int] = []
            var offset = Duration.zero
            for _ in 0..<60 {
                let most = dice.next(5) == 0 ? 20_000 : 400
                offset += .seconds(dice.next(most))
                try await harness.setClock(offset)
                _ = try await queue.enqueue(job(maxRetries: 0))
                let claimed = try #require(try await harness.claim(from: queue).first)
                _ = try await queue.settle(claimed, .failedForGood(error: "x"))
                let group = try #require(try await queue.errorGroups().first)
                times.append(Int((group.lastSeen.timeIntervalSince1970 * 1000).rounded()))
                let now = try #require(times.last)
                for (window, hours, slot) in steps {
                    let first = (now - hours * 3_600_000) / slot
                    // The list was read a moment later, perhaps in the next slot.
                    let later = (now + 60_000 - hours * 3_600_000) / slot
                    let expected = [first, later].map { first in times.count { $0 / slot >= first } }
                    #expect(expected.contains(group.counts[window] ?? -1), "\(window) of \(times.count)")
                }
                #expect(group.total == times.count)
            }
        }
    }
}
