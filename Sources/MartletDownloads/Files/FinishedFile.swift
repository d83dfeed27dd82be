// Checks whether the file under the final name is the one that an earlier attempt finished.

import Crypto
import MartletJobs

enum FinishedFile {
    /// Hashes the file and compares; calls `checkStop` between steps.
    static func matches(
        _ final: FinalFile, in directory: DownloadDirectory, checkStop: () throws -> Void
    ) async throws -> Bool {
        guard let file = try await Disk.run({ try directory.open(final.name, writing: false) }) else { return false }
        var hasher = SHA256()
        var offset: Int64 = 0
        while true {
            try checkStop()
            let (from, before) = (offset, hasher)
            let step = try await Disk.run { () -> (SHA256, Int64)? in
                var (hasher, offset) = (before, from)
                let isMore = try PartFile.read(from: file, at: from, limit: final.size) { bytes in
                    hasher.update(bufferPointer: bytes)
                    offset += Int64(bytes.count)
                }
                return isMore ? (hasher, offset) : nil
            }
            guard let step else { break }
            (hasher, offset) = step
        }
        return offset == final.size && Hex.text(of: hasher.finalize()) == final.sha256
    }
}
