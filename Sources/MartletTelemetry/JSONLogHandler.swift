// Logs for machines: one JSON object a line.

public import Logging

/// Writes each entry as one line of JSON with `time`, `level`, `logger`, `message` and the metadata as fields.
///
/// Times are RFC 3339 in UTC with milliseconds. Numbers and booleans in the metadata stay what they are. A line is at
/// most 8 KiB; what doesn't fit is cut or left out, and `truncated` is true. A field of the metadata that has the name
/// of a field of the line gets `metadata_` before its name; `error` is such a field only in entries that were logged with
/// an error.
public struct JSONLogHandler: LogHandler {
    /// Fields of every entry.
    public var metadata: Logger.Metadata = [:]
    /// Entries below this level are not written.
    public var logLevel: Logger.Level
    /// Fields of the task that logs.
    public var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let sink: LogSink

    /// A handler for the logger `label`.
    public init(
        label: String, level: Logger.Level = .info, metadataProvider: Logger.MetadataProvider? = nil,
        sink: LogSink = .standardError
    ) {
        self.label = label
        self.logLevel = level
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

    /// Whether a name is one of those that every line gives to what is not metadata.
    private static func isOurs(_ key: String) -> Bool {
        switch key {
        case "time", "level", "logger", "message", "truncated": true
        default: false
        }
    }
}
