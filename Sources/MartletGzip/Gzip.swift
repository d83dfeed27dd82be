// Compresses bytes in memory.

import CZlib

/// The format gzip (RFC 1952).
package enum Gzip {
    /// How hard to look for repetitions.
    package enum Effort: Int32, Sendable {
        /// For what is sent once.
        case fast = 1
        /// For what is sent often.
        case best = 9
    }

    /// The compressed bytes; `nil` when they would not be shorter.
    package static func compressed(_ bytes: [UInt8], _ effort: Effort) -> [UInt8]? {
        let capacity = martlet_gzip_bound(bytes.count)
        let result = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            count = unsafe bytes.withUnsafeBytes { input in
                unsafe martlet_gzip(input.baseAddress, input.count, output.baseAddress, capacity, effort.rawValue)
            }
        }
        return result.isEmpty || result.count >= bytes.count ? nil : result
    }
}
