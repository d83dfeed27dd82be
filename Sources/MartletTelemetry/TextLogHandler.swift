// Logs for people: one line each, with the level in colour on a terminal.

public import Logging

/// Writes each entry as one readable line: time, level, message, then the metadata as `key=value`.
public struct TextLogHandler: LogHandler {
    /// Fields of every entry.
    public var metadata: Logger.Metadata = [:]
    /// Entries below this level are not written.
    public var logLevel: Logger.Level
    /// Fields of the task that logs.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let hasColor: Bool
    private let sink: LogSink

    /// A handler for the logger `label`; colours only where they are asked for.
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

    /// One field of every entry.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one entry.
    public func log(event: LogEvent) {
        let fields = LogFields(metadata, metadataProvider, event.metadata)
        var line = Array("\(Timestamp.now()) \(level(event.level)) ".utf8)
        // One byte stays free for the end of the line.
        func append(_ text: String, limit: Int = LogText.valueLimit) {
            let room = LogText.lineLimit - 1 - line.count
            _ = LogText.append(text, to: &line, limit: min(limit, room), quotes: false)
        }
        append(event.message.description)
        for field in fields.ordered { append(" \(field.key)=\(Self.word(fields.value(of: field).description))") }
        if let error = event.error { append(" error=\(Self.word(String(describing: error)))") }
        append(" [\(label)]", limit: 256)
        line.append(UInt8(ascii: "\n"))
        sink(line)
    }

    /// Values with spaces stand in quotes, so that a line can be read field by field.
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
