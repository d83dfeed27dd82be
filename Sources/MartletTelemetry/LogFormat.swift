// Which of the two forms a process logs in.

public import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The form of log lines.
public enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// For people at a terminal.
    case text
    /// For machines.
    case json

    /// Text on a terminal, JSON everywhere else.
    public static var standard: LogFormat { LogSink.standardErrorIsTerminal ? .text : .json }

    /// A handler of this form that writes to standard error.
    ///
    /// Colours are used on a terminal, unless `NO_COLOR` is set.
    public func handler(label: String, level: Logger.Level) -> any LogHandler {
        switch self {
        case .json: JSONLogHandler(label: label, level: level)
        case .text: TextLogHandler(label: label, level: level, hasColor: Self.wantsColor)
        }
    }

    private static let wantsColor = LogSink.standardErrorIsTerminal && getenv("NO_COLOR") == nil
}
