// The jobs and replies that the operations work on: a payload of 200 bytes, everything else as most jobs have it.

import MartletJobs
import MartletQueue
import MartletRedis

enum Samples {
    static let token = "1:0123456789abcdef"
    static let payload = Array(#"{"to":"somebody@example.org","body":"\#(String(repeating: "x", count: 159))"}"#.utf8)

    static func job() -> NewJob { NewJob(type: "mail.send", payload: payload) }

    /// A turn whose settlements were all accepted and whose claim brought these jobs.
    static func turnReply(_ jobs: [NewJob]) -> RedisValue {
        .array(
            [
                text("ok"), .integer(30_000), .integer(-1), .integer(7), text("1800000000000"),
                text("0123456789abcdef"), .array([]),
            ] + jobs.flatMap(claimed))
    }

    private static func claimed(_ job: NewJob) -> [RedisValue] {
        let fields: [RedisValue] = [text("t"), text(job.type), text("p"), .bytes(job.payload)]
        return [text(job.id.description), .integer(1), text("1799999999997"), .array(fields)]
    }

    /// A push that put all in line.
    static var pushReply: RedisValue { .array([.integer(1_000_000)]) }

    private static func text(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }

    /// A value as Redis sends it.
    static func resp(_ value: RedisValue) -> [UInt8] {
        switch value {
        case .null: Array("$-1\r\n".utf8)
        case .integer(let number): Array(":\(number)\r\n".utf8)
        case .bytes(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
        case .error(let text): Array("-\(text)\r\n".utf8)
        case .array(let items): Array("*\(items.count)\r\n".utf8) + items.flatMap(resp)
        }
    }
}
