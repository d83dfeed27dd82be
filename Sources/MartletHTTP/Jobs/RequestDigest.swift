// Digests of requests by meaning: independent of whitespace, member order and explicit defaults.

import Crypto
import MartletJobs
import MartletQueue

/// The members of a JSON object that have no effect on a digest, so that stating them or not is the same request.
///
/// `null` has no effect either, unless the member is in ``nullable``.
struct RequestShape: Sendable {
    /// The canonical default of each of these members.
    var defaults: [String: String] = [:]
    /// The members whose `null` is a distinct value.
    var nullable: Set<String> = []
    /// The members that are lists of objects, with the objects' shapes.
    var lists: [String: RequestShape] = [:]

    /// A job in `POST /api/v1/jobs`.
    static let job = RequestShape(
        defaults: [
            "payload": "{}", "queue": "\"\(QueueName.default)\"", "priority": "0", "delay_seconds": "0",
            "max_retries": "\(JobRecord.defaultMaxRetries)", "tags": "[]", "backoff": "{}",
        ],
        nullable: ["payload"])
    /// The body of `POST /api/v1/jobs/bulk`.
    static let jobs = RequestShape(lists: ["jobs": job])
    /// A download in `POST /api/downloads`.
    static let download = RequestShape(defaults: ["priority": "0", "delay_seconds": "0", "unique": "false"])
    /// The body of `POST /api/downloads/batch`; its downloads inherit the batch's priority.
    static let downloads = RequestShape(
        defaults: ["priority": "0"],
        lists: ["downloads": RequestShape(defaults: ["delay_seconds": "0", "unique": "false"])])

    /// Whether a member with this canonical value has no effect.
    func isOmitted(_ name: String, _ value: ArraySlice<UInt8>) -> Bool {
        if value.elementsEqual("null".utf8), !nullable.contains(name) { return true }
        return defaults[name].map { value.elementsEqual($0.utf8) } ?? false
    }
}

/// Computes digests of requests.
enum RequestDigest {
    /// The digest of a request of this shape; callers who see only their own jobs have distinct digests.
    static func of(_ text: JSONText, _ shape: RequestShape = .job, owner: String? = nil) -> String {
        guard let owner else { return of(text.canonical(shape)) }
        return of(Array("\(owner.utf8.count):\(owner):".utf8) + text.canonical(shape))
    }

    /// The digest of bytes.
    static func of(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes).prefix(16)) }
}
