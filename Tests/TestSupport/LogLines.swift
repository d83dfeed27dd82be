// Records the log lines of a test.

public import Logging
import Synchronization

/// Records log lines, each as its message and its sorted metadata.
public final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    private let level: Logger.Level

    /// Records lines of `level` and above.
    public init(_ level: Logger.Level = .info) { self.level = level }

    /// All lines so far.
    public var all: [String] { lines.withLock { $0 } }

    /// A logger whose lines are recorded.
    public var logger: Logger { Logger(label: "lines") { _ in Handler(owner: self, logLevel: self.level) } }

    private struct Handler: LogHandler {
        let owner: LogLines
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let words = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
            owner.lines.withLock { $0.append("\(event.message) \(words)") }
        }
    }
}
