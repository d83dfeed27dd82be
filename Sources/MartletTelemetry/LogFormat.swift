// The two log formats.

public import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The format of log lines.
public enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// For people at a terminal.
    case text
    /// For machines.
    case json

    /// Text on a terminal, otherwise JSON.
    public static var standard: LogFormat { LogSink.standardErrorIsTerminal ? .text : .json }

    /// Creates a handler of this format that writes to standard error.
    ///
    /// Colours are used on a terminal unless `NO_COLOR` is set.
    ///
    /// - Parameters:
    ///   - label: the logger's name.
    ///   - level: the lowest level that is written.
    /// - Returns: the handler.
    public func handler(label: String, level: Logger.Level) -> any LogHandler {
        switch self {
        case .json: JSONLogHandler(label: label, level: level)
        case .text: TextLogHandler(label: label, level: level, hasColor: Self.wantsColor)
        }
    }

    private static let wantsColor = LogSink.standardErrorIsTerminal && getenv("NO_COLOR") == nil
}
