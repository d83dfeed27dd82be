// Parses error replies; the first word is the code.

extension RedisError {
    /// Creates the error for the reply `text`, for instance `OOM command not allowed`.
    init(reply text: String, file: String = #fileID, line: UInt = #line) {
        let word = text.prefix { $0 != " " }
        let code = Self.codes[String(word)] ?? Self.sentences.first { text.hasPrefix($0.key) }?.value ?? .serverError
        self.init(code, "the server answered: \(Self.shortened(text))", file: file, line: line)
    }

    /// The codes by the start of an error reply without a code of its own.
    private static let sentences: [String: Code] = [
        "ERR Script killed by user": .killed, "ERR Function not found": .noFunction,
        "ERR unknown command": .unknownCommand,
    ]

    /// The codes by the first word of an error reply.
    private static let codes: [String: Code] = [
        "NOSCRIPT": .noScript, "LOADING": .loading, "BUSY": .busy, "READONLY": .readOnly,
        "MASTERDOWN": .masterDown, "CLUSTERDOWN": .clusterDown, "TRYAGAIN": .tryAgain,
        "MOVED": .moved, "ASK": .moved, "CROSSSLOT": .crossSlot, "NOREPLICAS": .noReplicas, "MISCONF": .misconfigured,
        "OOM": .outOfMemory, "NOAUTH": .authentication, "WRONGPASS": .authentication, "NOPERM": .noPermission,
    ]

    /// Error replies may repeat the request's data, which a log line should not contain.
    private static func shortened(_ text: String) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return line.count <= 300 ? line : line.prefix(300) + "…"
    }
}
