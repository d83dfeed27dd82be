// What fuzzing found in the reading of stored jobs and of scripts' answers, each as an example.

import MartletJobs
import MartletRedis
import Testing

@testable import MartletQueue

@Suite struct FoundByFuzzingTests {
    private static let absurd = ["9223372036854775807", "-9223372036854775808"]

    private func words(_ words: String...) -> RedisValue { .array(words.map { .bytes(Array($0.utf8)) }) }

    @Test(arguments: absurd)
    func `numbers of a stored job that are out of range are clamped`(number: String) throws {
        let names = ["f", "l", "m", "r", "s", "n", "x"]
        let texts = ["t", "x", "p", "{}", "k", "\(number):n"] + names.flatMap { [$0, number] }
        let fields = RedisValue.array(texts.map { .bytes(Array($0.utf8)) })
        let value = RedisValue.array([.bytes(Array("active".utf8)), .bytes(Array(number.utf8)), fields])
        let job = try #require(try JobRecord(value, id: makeID("a"), queue: .default, now: 0))
        #expect((0...Int(Int32.max)).contains(job.failures) && (0...Int(Int32.max)).contains(job.lost))
        #expect(job.attempt == job.failures + 1)
        let reply = RedisValue.array([
            .bytes(Array("ok".utf8)), .integer(1), .integer(-1), .integer(0), .integer(1), .bytes([0x6E]), .array([]),
            .bytes([0x61]), .integer(1), .bytes(Array(number.utf8)), fields,
        ])
        let call = TurnCall([], claim: ClaimRequest(worker: "w", number: 1, upTo: 1))
        let claimed = try #require(try call.reply(reply).claimed?.jobs.first)
        #expect((0...Int(Int32.max)).contains(claimed.failures) && (0...Int(Int32.max)).contains(claimed.lost))
        #expect(try #require(claimed.waited) >= .zero)
        #expect(try #require(claimed.unknownFor) >= .zero)
    }

    @Test func `an answer that names a job which was not sent is refused`() throws {
        let call = PushCall([job()])
        for position in [Int.min, 0, 2, .max] {
            let verdict = words("exists", "queued")
            #expect(throws: QueueError.self) { try call.verdicts(.array([.integer(1), .integer(position), verdict])) }
            let refused: [RedisValue] = [.bytes(Array("refused".utf8)), .integer(position)]
            #expect(throws: QueueError.self) {
                try call.result(.array(refused + [.bytes(Array("unique".utf8)), .bytes([0x61])]))
            }
            let turn = TurnCall([], claim: nil)
            let unusual = RedisValue.array([.integer(position), words("gone")])
            #expect(throws: QueueError.self) {
                try turn.reply(.array([.null, .null, .null, .integer(0), .null, .null, unusual]))
            }
        }
    }

    @Test(arguments: absurd)
    func `counts of a queue that are out of range can be added`(number: String) {
        let counts = ["queued": number, "active": number]
        let status = QueueStatus(name: .default, counts: counts, meta: ["created": number, "deleted": number])
        #expect(status.total.signum() == (number.hasPrefix("-") ? -1 : 1))
        #expect(status.ledgerDifference.signum() == -status.total.signum())
    }

    @Test func `a policy without a cap is stored with the longest delay`() {
        #expect(RetryPolicy(base: .seconds(Int64.max)).stored.hasPrefix("9223372036854775807:"))
    }
}
