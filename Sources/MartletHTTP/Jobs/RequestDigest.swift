// Digests of requests by meaning: independent of whitespace, member order, explicit defaults and spelling.

import Crypto
import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONShape {
    /// A job in `POST /api/v1/jobs`.
    static let job = JSONShape(
        defaults: [
            "payload": "{}", "queue": "\"\(QueueName.default)\"", "priority": "0", "delay_seconds": "0",
            "max_retries": "\(JobRecord.defaultMaxRetries)", "tags": "[]", "limits": "[]", "backoff": "{}",
            "metadata": "{}",
            "durability": "\"\(Durability.memory.rawValue)\"",
        ],
        // A repeated request comes from another span.
        nullable: ["payload"], ignored: ["traceparent", "tracestate"], nested: ["backoff": backoff],
        readings: [
            "priority": MemberReading.integer.text, "max_retries": MemberReading.integer.text,
            "delay_seconds": MemberReading.seconds.text, "timeout_seconds": MemberReading.seconds.text,
            "run_at": MemberReading.moment.text, "limits": LimitKeyField.canonical,
        ])
    /// The body of `POST /api/v1/jobs/bulk`.
    static let jobs = JSONShape(nested: ["jobs": job])
    /// The waits between attempts.
    private static let backoff = JSONShape(
        defaults: ["base_seconds": "1", "factor": "2", "cap_seconds": "86400", "jitter": "0"],
        readings: [
            "base_seconds": MemberReading.seconds.text, "cap_seconds": MemberReading.seconds.text,
            "factor": MemberReading.number.text, "jitter": MemberReading.number.text,
        ])
    /// A download in `POST /api/downloads`.
    static let download = JSONShape(
        defaults: [
            "priority": "0", "delay_seconds": "0", "unique": "false",
            "on_conflict": "\"\(NameConflict.rename.rawValue)\"",
            "durability": "\"\(Durability.memory.rawValue)\"",
        ],
        readings: downloadReadings)
    /// The body of `POST /api/downloads/batch`; its downloads inherit the batch's priority.
    static let downloads = JSONShape(
        defaults: ["priority": "0", "durability": "\"\(Durability.memory.rawValue)\""],
        nested: [
            "downloads": JSONShape(
                defaults: [
                    "delay_seconds": "0", "unique": "false", "on_conflict": "\"\(NameConflict.rename.rawValue)\"",
                ],
                readings: downloadReadings)
        ],
        readings: ["priority": MemberReading.integer.text])

    private static let downloadReadings: [String: JSONShape.Reading] = [
        "priority": MemberReading.integer.text, "max_retries": MemberReading.integer.text,
        "max_bytes": MemberReading.integer.text, "bytes_per_second": MemberReading.integer.text,
        "delay_seconds": MemberReading.seconds.text, "timeout_seconds": MemberReading.seconds.text,
    ]
}

/// How a member is read, so that all spellings of one value have the same text.
enum MemberReading: Sendable {
    case integer
    /// Rounded to milliseconds.
    case seconds
    case number
    /// A time with any offset, rounded to milliseconds.
    case moment

    /// The one text for the value; `nil` when it is not a value of this kind, and so is refused elsewhere.
    func text(of value: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: value, as: UTF8.self)
        switch self {
        case .integer: return Int(json: text).map { String($0) }
        case .seconds:
            guard let number = Double(text), abs(number) < 1e12 else { return nil }
            return Self.shortest((number * 1000).rounded() / 1000)
        case .number: return Double(text).flatMap(Self.shortest)
        case .moment:
            guard let moment = (try? JSONText(Array(value)))?.string.flatMap({ Date(rfc3339: $0) }) else { return nil }
            return "\"\(moment.rfc3339.replacing(".000Z", with: "Z"))\""
        }
    }

    /// Without a fraction where there is none: `60`, not `60.0`.
    private static func shortest(_ number: Double) -> String? {
        guard number.isFinite else { return nil }
        return number == number.rounded() && abs(number) < 1e15 ? String(Int64(number)) : "\(number)"
    }
}

/// Computes digests of requests.
enum RequestDigest {
    /// The digest of a request of this shape; callers who see only their own jobs have distinct digests.
    static func of(_ text: JSONText, _ shape: JSONShape = .job, owner: String? = nil) -> String {
        guard let owner else { return of(text.canonical(shape)) }
        return of(Array("\(owner.utf8.count):\(owner):".utf8) + text.canonical(shape))
    }

    /// The digest of bytes.
    static func of(_ bytes: [UInt8]) -> String { Hex.text(of: SHA256.hash(data: bytes).prefix(16)) }
}
