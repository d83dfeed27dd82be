// How payloads become jobs again, for the handlers of one type.

import FoundationEssentials
import MartletQueue
import Synchronization

/// Reads payloads of one type.
///
/// Flat ones are read here, all others by `JSONDecoder`; so is each that a type asks anything unusual of, and each whose
/// decoding fails: results and errors are always those of `JSONDecoder`.
final class PayloadReader<Payload: Decodable>: Sendable {
    /// After so many payloads in a row that were not for here no further one is tried.
    private static var patience: Int { 64 }

    private let decoder = JSONDecoder()
    private let misses = Atomic(0)

    func read(_ payload: [UInt8]) throws -> Payload {
        let missed = misses.load(ordering: .relaxed)
        if missed < Self.patience {
            if let value = Self.readFlat(payload) {
                if missed > 0 { misses.store(0, ordering: .relaxed) }
                return value
            }
            misses.store(missed + 1, ordering: .relaxed)
        }
        return try decoder.decode(Payload.self, from: Data(payload))
    }

    /// The payload; `nil` when only `JSONDecoder` knows what it is.
    static func readFlat(_ payload: [UInt8]) -> Payload? {
        guard !SpecialPayloads.contain(Payload.self), let flat = FlatPayload(payload) else { return nil }
        let decoder = FlatDecoder(flat)
        // A type may catch errors and go on; the decoder remembers that it had to refuse something.
        guard let value = try? Payload(from: decoder), !decoder.hasRefused else { return nil }
        return value
    }
}
