// The JSON object that a push attaches to a job, for search, explanation and tracing.

import FoundationEssentials

/// A JSON object of at most 16 KiB that travels with a job and is not interpreted by the queue.
///
/// ```swift
/// let metadata: JobMetadata = ["customer": "4711", "request_id": "r-1"]
/// ```
public struct JobMetadata: Sendable, Hashable {
    /// The largest size in bytes.
    public static let limit = 16 << 10

    /// The object as stored.
    public let json: [UInt8]

    /// Creates metadata from a value that encodes to a JSON object.
    ///
    /// - Parameter value: the value.
    /// - Throws: ``JobMetadataError``, or the encoder's error.
    public init(_ value: some Encodable) throws {
        try self.init(json: Array(Self.encoder.encode(value)))
    }

    /// Creates metadata from JSON text; normalises it without whitespace and with sorted keys.
    ///
    /// - Parameter json: the bytes of a JSON object.
    /// - Throws: ``JobMetadataError`` when they are not a JSON object or exceed ``limit``.
    public init(json: [UInt8]) throws(JobMetadataError) {
        guard json.count <= Self.limit else { throw .tooLarge(bytes: json.count) }
        // Foundation accepts more than JSON, so the original bytes cannot be kept.
        do {
            let object = try JSONDecoder().decode([String: AnyJSON].self, from: Data(json))
            self.json = Array(try Self.encoder.encode(object))
        } catch { throw .notAnObject }
        guard self.json.count <= Self.limit else { throw .tooLarge(bytes: self.json.count) }
    }

    /// Creates metadata from bytes that are known to be valid.
    package init(checked json: [UInt8]) { self.json = json }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    /// Decodes the object as a type of the caller.
    ///
    /// - Parameter type: the type to decode.
    /// - Returns: the decoded value.
    /// - Throws: `DecodingError`.
    public func decode<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json))
    }
}

extension JobMetadata: ExpressibleByDictionaryLiteral {
    /// Creates metadata from string pairs; the last value of a repeated key is kept.
    ///
    /// Exceeding ``limit`` is a programming error.
    ///
    /// - Parameter elements: the pairs.
    public init(dictionaryLiteral elements: (String, String)...) {
        let json = (try? Self.encoder.encode(Dictionary(elements, uniquingKeysWith: { $1 }))).map { Array($0) }
        precondition((json?.count ?? 0) <= Self.limit, "a job's metadata has at most \(Self.limit) bytes")
        self.json = json ?? Array("{}".utf8)
    }
}

/// Why a value cannot be a job's metadata.
///
/// ```swift
/// do {
///     job.metadata = try JobMetadata(json: bytes)
/// } catch .tooLarge(let count) {
///     print("\(count) bytes are too many; at most \(JobMetadata.limit) are kept")
/// }
/// ```
public enum JobMetadataError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The bytes are not one JSON object.
    case notAnObject
    /// The object exceeds the limit.
    case tooLarge(bytes: Int)

    /// What is wrong and what to do.
    public var description: String {
        switch self {
        case .notAnObject: "metadata must be one JSON object, such as {\"customer\": \"4711\"}"
        case .tooLarge(let bytes): "metadata has \(bytes) bytes, and at most \(JobMetadata.limit) are kept; attach less"
        }
    }
}
