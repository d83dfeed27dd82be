// The JSON object that people attach to a job: to find it, to explain it, to trace it.

import FoundationEssentials

/// A JSON object of at most 16 KiB that travels with a job and means nothing to the queue.
///
/// ```swift
/// let metadata: JobMetadata = ["customer": "4711", "request_id": "r-1"]
/// ```
public struct JobMetadata: Sendable, Hashable {
    /// The most bytes of the object.
    public static let limit = 16 << 10

    /// The object as it is stored.
    public let json: [UInt8]

    /// The object that `value` encodes to.
    ///
    /// - Throws: ``JobMetadataError``, or what the encoder throws.
    public init(_ value: some Encodable) throws {
        try self.init(json: Array(Self.encoder.encode(value)))
    }

    /// The object that these bytes say, written again: without blanks and with sorted keys.
    ///
    /// - Throws: ``JobMetadataError`` when they are not a JSON object or more than ``limit``.
    public init(json: [UInt8]) throws(JobMetadataError) {
        guard json.count <= Self.limit else { throw .tooLarge(bytes: json.count) }
        // Foundation reads more than JSON, so that the bytes themselves cannot be kept.
        do {
            let object = try JSONDecoder().decode([String: AnyJSON].self, from: Data(json))
            self.json = Array(try Self.encoder.encode(object))
        } catch { throw .notAnObject }
        guard self.json.count <= Self.limit else { throw .tooLarge(bytes: self.json.count) }
    }

    /// The object with these bytes, of which the caller knows that they are one within the limit.
    package init(checked json: [UInt8]) { self.json = json }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    /// The object as a value of the caller's type.
    public func decode<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json))
    }
}

extension JobMetadata: ExpressibleByDictionaryLiteral {
    /// An object of texts; of keys that are named twice the last one counts.
    ///
    /// More than ``limit`` bytes are a mistake in the program.
    public init(dictionaryLiteral elements: (String, String)...) {
        let json = (try? Self.encoder.encode(Dictionary(elements, uniquingKeysWith: { $1 }))).map { Array($0) }
        precondition((json?.count ?? 0) <= Self.limit, "a job's metadata has at most \(Self.limit) bytes")
        self.json = json ?? Array("{}".utf8)
    }
}

/// Why something cannot be a job's metadata.
public enum JobMetadataError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The bytes are not one JSON object.
    case notAnObject
    /// The object has more bytes than are kept.
    case tooLarge(bytes: Int)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .notAnObject: "metadata must be one JSON object, such as {\"customer\": \"4711\"}"
        case .tooLarge(let bytes): "metadata has \(bytes) bytes, and at most \(JobMetadata.limit) are kept; attach less"
        }
    }
}
