// The program under test, and what it writes.

import FoundationEssentials
import MartletCommandSupport

/// Files of these tests.
enum BenchFiles {
    /// The program as it was built, beside the tests.
    static var program: String {
        Subprocess.ownPath.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/martlet-bench"
    }

    /// The content of a file; nothing when it is not there.
    static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
