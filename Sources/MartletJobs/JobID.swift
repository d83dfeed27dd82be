// A job's id: 1 to 128 characters of a safe alphabet, or a generated ULID.

public import FoundationEssentials
import Synchronization

/// The id of a job, unique within its queue.
///
/// An id has 1 to 128 letters, digits, `.`, `_`, `:` and `-`. It does not consist of dots alone, since clients normalise
/// such path segments, and it is not a ``reserved`` word: a request for such a job would reach another address.
///
/// ```swift
/// let id = try JobID(validating: "order-4711")
/// let generated = JobID.generate()
/// ```
public struct JobID: Hashable, Sendable, CustomStringConvertible {
    /// The id as text, the same in Redis and in every interface.
    public let description: String

    /// The rule for ids, phrased to follow a field's name.
    public static let rule =
        "must match ^[A-Za-z0-9._:-]{1,128}$ and must not be made of dots alone nor be one of "
        + reserved.sorted().joined(separator: ", ")

    /// The words that the HTTP API uses in place of an id, such as `bulk` in `/api/v1/jobs/bulk`.
    public static let reserved: Set<String> = [
        "actions", "batch", "batch-action", "bulk", "concurrency", "pause", "resume", "status",
    ]

    /// Creates an id from external text; `nil` when it breaks the ``rule``.
    ///
    /// Not public: `JobID(text) ?? .generate()` would push the same job twice under two ids.
    package init?(_ description: String) {
        guard Self.isName(description), !Self.isReserved(description) else { return nil }
        self.init(unchecked: description)
    }

    /// Whether a text has the alphabet and the length of an id and does not consist of dots alone.
    package static func isName(_ text: String) -> Bool {
        hasShape(text) { bytes in bytes.contains { $0 != UInt8(ascii: ".") } }
    }

    /// Whether a text has the alphabet and the length of an id and meets a further condition.
    private static func hasShape(_ text: String, and condition: (UnsafeBufferPointer<UInt8>) -> Bool = { _ in true })
        -> Bool
    {
        var text = text
        return text.withUTF8 { bytes in
            (1...128).contains(bytes.count) && bytes.allSatisfy(isAllowed) && condition(bytes)
        }
    }

    private static func isReserved(_ text: String) -> Bool {
        // Most ids are longer, and comparing lengths is cheaper than hashing.
        text.utf8.count <= longestReserved && reserved.contains(text)
    }

    private static let longestReserved = reserved.map(\.utf8.count).max() ?? 0

    /// Creates an id from external text.
    ///
    /// No public initializer returns `nil`, so that an invalid id is never mistaken for a request to generate one.
    ///
    /// - Parameter text: 1 to 128 letters, digits, `.`, `_`, `:` and `-`; not dots alone, not a ``reserved`` word.
    /// - Throws: ``JobIDError`` when it breaks the ``rule``.
    public init(validating text: String) throws(JobIDError) {
        guard let id = JobID(text) else { throw JobIDError(text: text) }
        self = id
    }

    /// Creates an id from stored text; accepts ids of dots and reserved words, which older versions allowed.
    package init?(stored text: String) {
        guard Self.hasShape(text) else { return nil }
        description = text
    }

    /// The id of the job with this index in a batch that starts with this ULID; the ids sort in batch order.
    package func item(_ index: Int) -> JobID {
        let digits = String(index)
        let zeros = String(repeating: "0", count: max(0, 5 - digits.utf8.count))
        return JobID(unchecked: "\(description)-\(zeros)\(digits)")
    }

    private init(unchecked: String) { self.description = unchecked }

    /// Generates a ULID: 26 lower-case characters, larger than every one generated before in this process.
    ///
    /// - Returns: a new id.
    public static func generate() -> JobID { JobID(unchecked: generator.withLock { $0.next() }) }

    /// When a ULID was generated, by the generator's clock; `nil` for other ids.
    public var generatedAt: Date? {
        guard let milliseconds = ULIDGenerator.milliseconds(of: description) else { return nil }
        return Date(timeIntervalSince1970: Double(milliseconds) / 1000)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }

    private static let generator = Mutex(ULIDGenerator())
}

extension JobID: Codable {
    /// Decodes and validates an id from a single string.
    ///
    /// - Parameter decoder: the decoder.
    /// - Throws: `DecodingError`.
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = JobID(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: Self.rule))
        }
        self = id
    }

    /// Encodes the id as a single string.
    ///
    /// - Parameter encoder: the encoder.
    /// - Throws: `EncodingError`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// A text is not a valid job id.
///
/// ```swift
/// do {
///     let id = try JobID(validating: text)
///     print(id)
/// } catch {
///     print(error)  // the text, and the rule that it breaks
/// }
/// ```
public struct JobIDError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The text.
    public let text: String

    /// What is wrong and what to do.
    public var description: String {
        "\(String(text.prefix(160)).debugDescription) cannot be the id of a job: it \(JobID.rule)"
    }
}

/// Generates monotonic ULIDs: 48 bits of milliseconds, then 80 random bits that increment within a millisecond.
struct ULIDGenerator {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    /// The value of each byte as a digit; 32 for invalid bytes.
    private static let digits = (0...255).map { byte in UInt8(alphabet.firstIndex(of: UInt8(byte)) ?? 32) }
    private var milliseconds: UInt64 = 0
    private var high: UInt16 = 0
    private var low: UInt64 = 0

    mutating func next(at time: UInt64 = UInt64(Date().timeIntervalSince1970 * 1000)) -> String {
        if time > milliseconds {
            milliseconds = time
            // The top bit stays zero, so that incrementing within a millisecond cannot overflow.
            high = UInt16.random(in: 0...0x7FFF)
            low = UInt64.random(in: 0...UInt64.max)
        } else {
            let (sum, overflow) = low.addingReportingOverflow(1)
            low = sum
            if overflow { high &+= 1 }
        }
        return text()
    }

    private func text() -> String {
        String(unsafeUninitializedCapacity: 26) { buffer in
            for index in 0..<10 {
                buffer[index] = Self.alphabet[Int((milliseconds >> UInt64(45 - 5 * index)) & 31)]
            }
            var upper = (UInt64(high) << 24) | (low >> 40)
            var lower = low & 0xFF_FFFF_FFFF
            for index in stride(from: 17, through: 10, by: -1) {
                buffer[index] = Self.alphabet[Int(upper & 31)]
                upper >>= 5
            }
            for index in stride(from: 25, through: 18, by: -1) {
                buffer[index] = Self.alphabet[Int(lower & 31)]
                lower >>= 5
            }
            return 26
        }
    }

    /// The milliseconds in a ULID's first ten characters; `nil` when the text is not such a ULID.
    static func milliseconds(of text: String) -> UInt64? {
        var text = text
        let digits = digits
        return text.withUTF8 { bytes in
            guard bytes.count == 26, bytes[0] <= UInt8(ascii: "7") else { return nil }
            var value: UInt64 = 0
            for index in 0..<26 {
                let digit = digits[Int(bytes[index])]
                guard digit < 32 else { return nil }
                if index < 10 { value = value << 5 | UInt64(digit) }
            }
            return value
        }
    }
}
