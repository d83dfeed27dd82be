// An error response of the server (problem+json) as a sentence.

import MartletCommandSupport
import MartletJSON

/// An error response of the server.
struct APIProblem: Sendable {
    let status: Int
    private let body: JSONValue

    /// Parses an error response; without JSON it has only a status.
    init(status: Int, bytes: [UInt8]) {
        self.status = status
        body = (try? JSONValue(bytes)) ?? .null
    }

    /// The failure that ends a command.
    func failure(server: String) -> CommandFailure {
        CommandFailure(code, sentence(server: server), word: word)
    }

    /// The stable code for programs, such as `invalid-state`.
    var word: String? { body["code"].string }

    /// The advice when the outcome of a write is unknown.
    static let inDoubt = """
        It may have been done or not. The same command again is safe for everything but a push; a push is safe again \
        with the same --id or --idempotency-key.
        """

    private var doubt: String {
        let ids = (body["ids"].array ?? []).compactMap(\.string)
        guard !ids.isEmpty else { return "\n\(Self.inDoubt)" }
        let more = ids.count > 10 ? " and \(ids.count - 10) more" : ""
        return "\n\(Self.inDoubt)\nAsk for: \(ids.prefix(10).joined(separator: " "))\(more)"
    }

    private var code: CommandExitCode {
        switch status {
        case 401, 403: .authentication
        case 404: word == nil && body.isNull ? .failed : .notFound
        case 409: word == "ambiguous" ? .failed : .wrongState
        case 502, 503, 504: .unavailable
        default: .failed
        }
    }

    /// The location of an error: a body field, with its line in JSON lines, a parameter, or a header.
    private static func place(_ error: JSONValue) -> String? {
        let field = error["pointer"].string ?? error["parameter"].string ?? error["header"].string
        guard let line = error["line"].int else { return field }
        return field.map { "line \(line), \($0)" } ?? "line \(line)"
    }

    private func sentence(server: String) -> String {
        let said = (body["detail"].string ?? body["title"].string).map(TerminalText.oneLine)
        var text = said ?? "\(server) answered with status \(status)"
        for error in body["errors"].array ?? [] {
            guard let detail = error["detail"].string.map(TerminalText.oneLine), !text.contains(detail) else {
                continue
            }
            text += "\n  \(Self.place(error).map { "\(TerminalText.oneLine($0)): " } ?? "")\(detail)"
        }
        if let state = body["state"].string, !text.contains(state) { text += " (it is \(state))" }
        if body["outcome"].string == "unknown" { text += doubt }
        if status == 401 { text += "\nGive a token with --token, --token-file or MARTLET_TOKEN." }
        if word == "ambiguous" { text += "\nName the queue with --queue." }
        return text
    }
}
