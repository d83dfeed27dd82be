// JSON logs: one object per line.

public import Logging

/// Writes each entry as one line of JSON with `time`, `level`, `logger`, `message` and the metadata as fields.
///
/// Times are RFC 3339 in UTC with milliseconds. Numbers and booleans in the metadata keep their type. A line is at most
/// 8 KiB; anything beyond is truncated or dropped, and `truncated` is true. Metadata fields that collide with a
/// standard field get the prefix `metadata_`; `error` collides only in entries logged with an error.
public struct JSONLogHandler: LogHandler {
    /// The metadata of every entry.
    public var metadata: Logger.Metadata = [:]
    /// The lowest level that is written.
    public var logLevel: Logger.Level
    /// Provides the metadata of the logging task.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let sink: LogSink

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - label: the logger's name.
    ///   - level: the lowest level that is written.
    ///   - metadataProvider: provides the metadata of the logging task.
    ///   - sink: receives the lines; standard error by default.
    public init(
        label: String, level: Logger.Level = .info, metadataProvider: Logger.MetadataProvider? = nil,
        sink: LogSink = .standardError
    ) {
        self.label = label
        self.logLevel = level
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
        var line = JSONLine()
        line.add("time", text: Timestamp.now())
        line.add("level", text: event.level.rawValue)
        line.add("logger", text: label, limit: 256)
        for field in fields.ordered.prefix(fields.leadingCount) { line.add(field.key, value: fields.value(of: field)) }
        line.add("message", text: event.message.description)
        if let error = event.error { line.add("error", text: String(describing: error)) }
        for field in fields.ordered.dropFirst(fields.leadingCount) {
            let isOurs = Self.isOurs(field.key) || (field.key == "error" && event.error != nil)
            line.add(isOurs ? "metadata_" + field.key : field.key, value: fields.value(of: field))
        }
        sink(line.finished())
    }

    /// Whether a name is that of a standard field.
    private static func isOurs(_ key: String) -> Bool {
        switch key {
        case "time", "level", "logger", "message", "truncated": true
        default: false
        }
    }
}
