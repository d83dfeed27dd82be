// Checks who besides its owner can read or change a file.

import FoundationEssentials

/// The access of everyone on this machine to a file.
struct FileRights: Sendable, Equatable {
    var everybodyReads: Bool
    var everybodyWrites: Bool

    /// The access to a file; none when it cannot be determined.
    init(of path: String) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let mode = attributes?[.posixPermissions]
        let bits = (mode as? UInt16).map { Int($0) } ?? (mode as? Int) ?? 0
        everybodyReads = bits & 0o004 != 0
        everybodyWrites = bits & 0o002 != 0
    }
}
