// How jobs become payloads: JSON with sorted keys, so that equal jobs are equal bytes.

import FoundationEssentials

/// Writes payloads.
///
/// Flat ones are written by a ``FlatEncoder``, all others by `JSONEncoder`; so is each that asks anything unusual, and
/// each that fails: bytes and errors are always those of `JSONEncoder`.
enum PayloadWriter {
    /// Made once: making an encoder costs as much as encoding a small job.
    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }()

    static func write(_ payload: some Encodable) throws -> [UInt8] {
        try writeFlat(payload) ?? Array(encoder.encode(payload))
    }

    /// The bytes; `nil` when only `JSONEncoder` knows them.
    static func writeFlat<Payload: Encodable>(_ payload: Payload) -> [UInt8]? {
        guard !SpecialPayloads.contain(Payload.self) else { return nil }
        let encoder = FlatEncoder()
        guard (try? payload.encode(to: encoder)) != nil else { return nil }
        return encoder.finished()
    }
}

/// What payloads may hold that Foundation's JSON treats in a way of its own.
package enum SpecialPayloads {
    /// Whether `JSONEncoder` and `JSONDecoder` code values of the type otherwise than they would code themselves.
    package static func contain(_ type: Any.Type) -> Bool {
        type == Data.self || type == URL.self || type == Decimal.self
    }
}
