// Who besides its owner may read or change a file that should be nobody else's.

import FoundationEssentials

/// What everybody on this machine may do with a file.
struct FileRights: Sendable, Equatable {
    var everybodyReads: Bool
    var everybodyWrites: Bool

    /// The rights of a file; none when it cannot be asked.
    init(of path: String) {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let mode = attributes?[.posixPermissions]
        let bits = (mode as? UInt16).map { Int($0) } ?? (mode as? Int) ?? 0
        everybodyReads = bits & 0o004 != 0
        everybodyWrites = bits & 0o002 != 0
    }
}
