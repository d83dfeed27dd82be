// How far a search of jobs has come, on the terminal of standard error.

import MartletCommandSupport
import MartletJSON
import Synchronization

/// The progress of a search over several answers; only a search that takes more than one answer is shown.
final class SearchProgress: Sendable {
    private let examined = Mutex(0)
    private let console: Console

    init(console: Console = .standard) { self.console = console }

    /// Adds an answer with `scanned`, and says what was done so far, if anything.
    func note(_ answer: JSONValue, done: String? = nil) {
        let scanned = answer["scanned"]
        guard let count = scanned["examined"].int else { return }
        let sum = examined.withLock { examined in
            examined += count
            return examined
        }
        guard !(scanned["complete"].bool ?? true) else { return }
        let words = [done, "searched \(sum) of \(scanned["of"].int ?? sum) jobs"]
        console.status(words.compactMap(\.self).joined(separator: ", "))
    }

    /// Removes what is shown.
    func clear() { console.status("") }
}
