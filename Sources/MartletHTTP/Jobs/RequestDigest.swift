// Digests of requests as they were meant: the same whatever the spacing, the order of members and the defaults spelled out.

import Crypto
import MartletJobs
import MartletQueue

/// What says nothing in a JSON object: a digest leaves it out, so that saying it or not is the same request.
///
/// `null` says nothing either, unless the member is named in ``nullable``.
struct RequestShape: Sendable {
    /// The canonical text that each of these members stands for when it is absent.
    var defaults: [String: String] = [:]
    /// The members whose `null` is a value of its own.
    var nullable: Set<String> = []
    /// The members that are lists of objects, and the shape of these.
    var lists: [String: RequestShape] = [:]

    /// A job of `POST /api/v1/jobs`.
    static let job = RequestShape(
        defaults: [
            "payload": "{}", "queue": "\"\(QueueName.default)\"", "priority": "0", "delay_seconds": "0",
            "max_retries": "\(JobRecord.defaultMaxRetries)", "tags": "[]", "backoff": "{}",
        ],
        nullable: ["payload"])
    /// The body of `POST /api/v1/jobs/bulk`.
    static let jobs = RequestShape(lists: ["jobs": job])
    /// A download of `POST /api/downloads`.
    static let download = RequestShape(defaults: ["priority": "0", "delay_seconds": "0", "unique": "false"])
    /// The body of `POST /api/downloads/batch`, whose downloads have the priority of the batch unless they name one.
    static let downloads = RequestShape(
        defaults: ["priority": "0"],
        lists: ["downloads": RequestShape(defaults: ["delay_seconds": "0", "unique": "false"])])

    /// Whether a member with this canonical value says nothing.
    func isOmitted(_ name: String, _ value: ArraySlice<UInt8>) -> Bool {
        if value.elementsEqual("null".utf8), !nullable.contains(name) { return true }
        return defaults[name].map { value.elementsEqual($0.utf8) } ?? false
    }
}

/// Digests of requests.
enum RequestDigest {
    /// The digest of a request of this shape; those of callers who see only their own jobs differ from everyone else's.
    static func of(_ text: JSONText, _ shape: RequestShape = .job, owner: String? = nil) -> String {
        guard let owner else { return of(text.canonical(shape)) }
        return of(Array("\(owner.utf8.count):\(owner):".utf8) + text.canonical(shape))
    }

    /// The digest of bytes.
    static func of(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes).prefix(16)) }
}
