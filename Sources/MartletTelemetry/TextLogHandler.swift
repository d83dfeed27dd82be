// Text logs: one line per entry, with the level in colour on a terminal.

public import Logging

/// Writes each entry as one readable line: time, level, message, then the metadata as `key=value`.
public struct TextLogHandler: LogHandler {
    /// The metadata of every entry.
    public var metadata: Logger.Metadata = [:]
    /// The lowest level that is written.
    public var logLevel: Logger.Level
    /// Provides the metadata of the logging task.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let hasColor: Bool
    private let sink: LogSink

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - label: the logger's name.
    ///   - level: the lowest level that is written.
    ///   - hasColor: whether to use terminal colours; false by default.
    ///   - metadataProvider: provides the metadata of the logging task.
    ///   - sink: receives the lines; standard error by default.
    public init(
        label: String, level: Logger.Level = .info, hasColor: Bool = false,
        metadataProvider: Logger.MetadataProvider? = nil, sink: LogSink = .standardError
    ) {
        self.label = label
        self.logLevel = level
        self.hasColor = hasColor
        self.metadataProvider = metadataProvider
        self.sink = sink
    }

    /// One metadata field of every entry.
    ///
    /// - Parameter key: the field's name.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes an entry.
    ///
    /// - Parameter event: the entry.
    public func log(event: LogEvent) {
        let fields = LogFields(metadata, metadataProvider, event.metadata)
        var line = Array("\(Timestamp.now()) \(level(event.level)) ".utf8)
        // One byte is reserved for the line end.
        func append(_ text: String, limit: Int = LogText.valueLimit) {
            let spaceLeft = LogText.lineLimit - 1 - line.count
            _ = LogText.append(text, to: &line, limit: min(limit, spaceLeft), quotes: false)
        }
        append(event.message.description)
        for field in fields.ordered { append(" \(field.key)=\(Self.word(fields.value(of: field).description))") }
        if let error = event.error { append(" error=\(Self.word(String(describing: error)))") }
        append(" [\(label)]", limit: 256)
        line.append(UInt8(ascii: "\n"))
        sink(line)
    }

    /// Quotes values with spaces, so that fields can be separated.
    private static func word(_ text: String) -> String {
        text.isEmpty || text.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) ? "\"\(text)\"" : text
    }

    private func level(_ level: Logger.Level) -> String {
        let name = level.rawValue.uppercased()
        let padded = name + String(repeating: " ", count: max(0, 8 - name.count))
        guard hasColor else { return padded }
        let color =
            switch level {
            case .trace, .debug: "2"
            case .info, .notice: "36"
            case .warning: "33"
            case .error, .critical: "31"
            }
        return "\u{1B}[\(color)m\(padded)\u{1B}[0m"
    }
}
