// Digests of requests by meaning: independent of whitespace, member order and explicit defaults.

import Crypto
import MartletJSON
import MartletJobs
import MartletQueue

extension JSONShape {
    /// A job in `POST /api/v1/jobs`.
    static let job = JSONShape(
        defaults: [
            "payload": "{}", "queue": "\"\(QueueName.default)\"", "priority": "0", "delay_seconds": "0",
            "max_retries": "\(JobRecord.defaultMaxRetries)", "tags": "[]", "backoff": "{}",
        ],
        nullable: ["payload"])
    /// The body of `POST /api/v1/jobs/bulk`.
    static let jobs = JSONShape(lists: ["jobs": job])
    /// A download in `POST /api/downloads`.
    static let download = JSONShape(defaults: ["priority": "0", "delay_seconds": "0", "unique": "false"])
    /// The body of `POST /api/downloads/batch`; its downloads inherit the batch's priority.
    static let downloads = JSONShape(
        defaults: ["priority": "0"],
        lists: ["downloads": JSONShape(defaults: ["delay_seconds": "0", "unique": "false"])])
}

/// Computes digests of requests.
enum RequestDigest {
    /// The digest of a request of this shape; callers who see only their own jobs have distinct digests.
    static func of(_ text: JSONText, _ shape: JSONShape = .job, owner: String? = nil) -> String {
        guard let owner else { return of(text.canonical(shape)) }
        return of(Array("\(owner.utf8.count):\(owner):".utf8) + text.canonical(shape))
    }

    /// The digest of bytes.
    static func of(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes).prefix(16)) }
}
