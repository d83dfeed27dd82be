// How a repeated push meets the same job: ids from keys, digests from requests.

import Crypto
import HTTPTypes
import MartletJobs
import MartletQueue

/// The `Idempotency-Key` of a request, bound to its caller.
struct IdempotencyKey: Sendable {
    private let hash: String

    /// Reads the header; `nil` when there is none.
    init?(_ call: Call) throws(Problem) {
        guard let key = call.headers.value(of: .idempotencyKey) else { return nil }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw .invalid("Idempotency-Key", "must have 1 to 255 visible ASCII characters")
        }
        // Two callers that happen to use the same key must not meet each other's jobs.
        let owner = "\(call.caller.name.utf8.count):\(call.caller.name):\(key)"
        hash = hex(SHA256.hash(data: Array(owner.utf8)).prefix(20))
    }

    /// The id of the request's only job, or of the one with this index; ids of a batch sort in its order.
    func id(_ index: Int? = nil) -> JobID {
        let digits = index.map(String.init) ?? ""
        let suffix = index == nil ? "" : "-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
        // Hexadecimal digits and a hyphen are always an id.
        return JobID("k" + hash + suffix) ?? .generate()
    }
}

/// Digests of requests as they were sent.
enum RequestDigest {
    /// The digest of a JSON value, whatever its spacing and the order of its keys.
    static func of(_ text: JSONText) -> String { of(text.canonical) }

    /// The digest of bytes.
    static func of(_ bytes: [UInt8]) -> String { hex(SHA256.hash(data: bytes).prefix(16)) }
}
