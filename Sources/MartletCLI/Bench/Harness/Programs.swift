// Programs that the benchmark uses where they are there.

import FoundationEssentials

/// Programs in PATH.
enum Programs {
    /// The path of a program; `nil` when it is not in PATH.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
