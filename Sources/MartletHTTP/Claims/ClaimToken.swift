// The token of a claim as a worker over HTTP holds it.

import Crypto
import MartletJSON
import MartletJobs
import MartletQueue

/// The token of one claimed job: `<queue>~<id>~<claims>~<nonce>`.
///
/// Redis compares count and nonce with what it stores for the job, so a token that was made up or altered changes
/// nothing.
struct ClaimToken: Sendable, Hashable, LosslessStringConvertible {
    let queue: QueueName
    let id: JobID
    let claims: Int
    let nonce: ClaimNonce

    /// The longest token in bytes.
    static let longest = 400
    /// The form of a token in the API document.
    static let schema = Schema.keywords([
        "type": "string", "pattern": "^[A-Za-z0-9._-]+~[A-Za-z0-9._:-]+~[1-9][0-9]{0,13}~[0-9a-f]{48}$",
        "maxLength": .integer(longest),
    ])
    /// A token for examples in the API document.
    static let example = "mail~order-4711~1~" + String(repeating: "0", count: 48)

    /// The token of a job that was claimed with this nonce.
    init(_ job: ClaimedJob, in queue: QueueName, nonce: ClaimNonce) {
        self.queue = queue
        id = job.id
        claims = job.claims
        self.nonce = nonce
    }

    /// Parses a token; `nil` for any other form, so that none with a star or a minus ever reaches a script.
    init?(_ description: String) {
        guard description.utf8.count <= Self.longest else { return nil }
        let parts = description.split(separator: "~", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, let queue = QueueName(parts[0]), let id = JobID(stored: parts[1]),
            let claims = Int(parts[2]), claims > 0, "\(claims)" == parts[2], let nonce = ClaimNonce(parts[3])
        else { return nil }
        self.queue = queue
        self.id = id
        self.claims = claims
        self.nonce = nonce
    }

    var description: String { "\(queue)~\(id)~\(claims)~\(nonce)" }

    /// The token as the queue stores it.
    var stored: String { "\(claims):\(nonce)" }
}

/// The nonce of a claim over HTTP: 128 random bits, then 32 bits that name the caller and the queue, then 32 that name
/// the worker.
///
/// The names are in the nonce because Redis keeps it: a token is refused from another caller, and the leases of a worker
/// can be found without a table of them.
struct ClaimNonce: Sendable, Hashable, LosslessStringConvertible {
    let description: String

    private static let randomDigits = 32
    private static let nameDigits = 8

    /// A new nonce.
    ///
    /// - Parameters:
    ///   - holder: the caller and its worker.
    ///   - queue: the queue that is claimed from.
    init(for holder: ClaimHolder, in queue: QueueName) {
        let random = (0..<2).map { _ in ClaimRequest.freshNonce() }.joined()
        description = random + Self.name(of: holder.caller, in: queue) + Self.name(of: holder)
    }

    init?(_ description: String) {
        guard description.utf8.count == Self.randomDigits + 2 * Self.nameDigits,
            description.utf8.allSatisfy(Self.isDigit)
        else { return nil }
        self.description = description
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Whether it was handed to this caller, from this queue.
    func belongs(to caller: String, in queue: QueueName) -> Bool { has(Self.name(of: caller, in: queue)) }

    /// Whether it has this name of a caller in a queue; for many nonces the name is made once.
    func has(_ name: String) -> Bool { description.dropFirst(Self.randomDigits).prefix(Self.nameDigits) == name }

    /// What the nonces of all claims of a worker end with.
    static func name(of holder: ClaimHolder) -> String { digest("worker\n\(holder.caller)\n\(holder.worker ?? "")") }

    /// The part of a nonce that names the caller in this queue.
    static func name(of caller: String, in queue: QueueName) -> String { digest("queue\n\(queue)\n\(caller)") }

    private static func digest(_ text: String) -> String {
        Hex.text(of: SHA256.hash(data: Array(text.utf8)).prefix(nameDigits / 2))
    }
}

/// Who holds claims: the caller and, where it said so, one of its workers.
struct ClaimHolder: Sendable, Hashable {
    /// The name of the caller's token.
    var caller: String
    /// The worker's id, chosen by the worker.
    var worker: String?
}
