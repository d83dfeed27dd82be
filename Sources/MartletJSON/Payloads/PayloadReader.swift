// Decodes the payloads of one handler's job type.

import FoundationEssentials
import Synchronization

/// Decodes payloads of one type.
///
/// Flat payloads take a fast path. `JSONDecoder` decodes all others, every type with unusual requirements, and every
/// payload that fails on the fast path, so results and errors are always those of `JSONDecoder`.
package final class PayloadReader<Payload: Decodable>: Sendable {
    /// After this many consecutive payloads that the fast path cannot decode, it is no longer tried.
    private static var missLimit: Int { 64 }

    private let decoder = JSONDecoder()
    private let misses = Atomic(0)

    package init() {}

    package func read(_ payload: [UInt8]) throws -> Payload {
        let missed = misses.load(ordering: .relaxed)
        if missed < Self.missLimit {
            if let value = Self.readFlat(payload) {
                if missed > 0 { misses.store(0, ordering: .relaxed) }
                return value
            }
            misses.store(missed + 1, ordering: .relaxed)
        }
        return try decoder.decode(Payload.self, from: Data(payload))
    }

    /// Decodes on the fast path; `nil` when only `JSONDecoder` can decide.
    package static func readFlat(_ payload: [UInt8]) -> Payload? {
        guard !SpecialPayloads.contain(Payload.self), let flat = FlatPayload(payload) else { return nil }
        let decoder = FlatDecoder(flat)
        // A type may catch errors and continue; the decoder remembers that it refused something.
        guard let value = try? Payload(from: decoder), !decoder.hasRefused else { return nil }
        return value
    }
}
