// Programs that the benchmark starts, and the environment in which they run.

import FoundationEssentials
import MartletCommandSupport

/// Programs and their environment.
enum Programs {
    /// The path of a program in PATH; `nil` when it is not there.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The command `martlet`: the one that was built beside this program, else the one in PATH.
    static func martlet() throws -> String {
        let beside = Subprocess.ownPath.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/martlet"
        if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        guard let found = find("martlet") else {
            throw CommandFailure(.usage, "\(beside) does not exist, and there is no martlet in PATH: build it first")
        }
        return found
    }

    /// The environment of this process without variables that could configure what is measured.
    static var environment: [String: String] {
        let kept: Set = ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LLVM_PROFILE_FILE"]
        return ProcessInfo.processInfo.environment.filter { name, _ in
            kept.contains(name) || name.hasPrefix("XDG_") || name.hasPrefix("LD_")
        }
    }
}
