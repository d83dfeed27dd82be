// Encodes jobs as payloads: JSON with sorted keys, so that equal jobs have equal bytes.

import FoundationEssentials

/// Encodes payloads.
///
/// Flat ones take a fast path. `JSONEncoder` encodes all others, and every payload that fails on the fast path, so
/// bytes and errors are always those of `JSONEncoder`.
package enum PayloadWriter {
    /// Created once: creating an encoder costs as much as encoding a small job.
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }()

    package static func write(_ payload: some Encodable) throws -> [UInt8] {
        try writeFlat(payload) ?? Array(encoder.encode(payload))
    }

    /// The bytes; `nil` when only `JSONEncoder` can encode the payload.
    package static func writeFlat<Payload: Encodable>(_ payload: Payload) -> [UInt8]? {
        guard !SpecialPayloads.contain(Payload.self) else { return nil }
        let encoder = FlatEncoder()
        guard (try? payload.encode(to: encoder)) != nil else { return nil }
        return encoder.finished()
    }
}

/// The types that Foundation's JSON coders treat specially.
package enum SpecialPayloads {
    /// Whether `JSONEncoder` and `JSONDecoder` code the type differently from its own `Codable` implementation.
    package static func contain(_ type: Any.Type) -> Bool {
        type == Data.self || type == URL.self || type == Decimal.self
    }
}
