// A generated file: its bytes follow from a number, so that both ends know the correct content.

import Crypto
import MartletJobs

/// A file with generated content.
struct OriginFile: Sendable {
    /// Its name, also its path on the server.
    let name: String
    let size: Int
    /// Its strong entity tag.
    let etag: String
    private let pattern: [UInt8]

    /// The size of a block; each starts with its number, so that no two blocks are equal.
    private static let blockSize = 65_536

    /// Creates the file for a number.
    init(name: String, size: Int, seed: UInt64) {
        self.name = name
        self.size = size
        etag = "\"\(name)-\(size)-\(seed)\""
        var state = seed
        var pattern: [UInt8] = []
        pattern.reserveCapacity(Self.blockSize)
        while pattern.count < Self.blockSize {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            withUnsafeBytes(of: (word ^ (word >> 31)).littleEndian) { pattern.append(contentsOf: $0) }
        }
        self.pattern = pattern
    }

    /// The bytes from `offset` to the end of its block, of the file, or of `limit`.
    func bytes(from offset: Int, atMost limit: Int) -> [UInt8] {
        let start = offset % Self.blockSize
        let count = max(0, min(limit, Self.blockSize - start, size - offset))
        var bytes = Array(pattern[start..<start + count])
        let number = UInt64(offset / Self.blockSize)
        for index in 0..<8 where index >= start && index < start + count {
            bytes[index - start] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
        }
        return bytes
    }

    /// The file's SHA-256 in hexadecimal digits.
    var sha256: String {
        var hash = SHA256()
        var offset = 0
        while offset < size {
            let bytes = bytes(from: offset, atMost: Self.blockSize)
            hash.update(data: bytes)
            offset += bytes.count
        }
        return Hex.text(of: hash.finalize())
    }
}
