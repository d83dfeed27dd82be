// Reads the server's error replies: their first word says which kind they are.

extension RedisError {
    /// The error that the reply `text` means; it starts with the server's code, for instance `OOM command not allowed`.
    init(reply text: String, file: String = #fileID, line: UInt = #line) {
        let word = text.prefix { $0 != " " }
        let code = text.hasPrefix(Self.killed) ? .killed : Self.codes[String(word)] ?? .serverError
        self.init(code, "the server answered: \(Self.shortened(text))", file: file, line: line)
    }

    /// How the answer to a script begins that somebody ended.
    private static let killed = "ERR Script killed by user"

    /// Codes by the first word of an error reply.
    private static let codes: [String: Code] = [
        "NOSCRIPT": .noScript, "LOADING": .loading, "BUSY": .busy, "READONLY": .readOnly,
        "MASTERDOWN": .masterDown, "CLUSTERDOWN": .clusterDown, "TRYAGAIN": .tryAgain,
        "MOVED": .moved, "ASK": .moved, "CROSSSLOT": .crossSlot, "NOREPLICAS": .noReplicas, "MISCONF": .misconfigured,
        "OOM": .outOfMemory, "NOAUTH": .authentication, "WRONGPASS": .authentication, "NOPERM": .noPermission,
    ]

    /// Error replies can repeat what was sent; a log line should not.
    private static func shortened(_ text: String) -> String {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        return line.count <= 300 ? line : line.prefix(300) + "…"
    }

    /// Whether an error reply's text means that the server does not know the script.
    static func isUnknownScript(_ text: String) -> Bool { text.hasPrefix("NOSCRIPT") }
}
