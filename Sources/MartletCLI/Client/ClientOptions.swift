// The server that a command talks to, and its credentials.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport

/// `--server`, `--token` and their environment variables.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "URL of the server, or unix:///PATH of its socket (MARTLET_SERVER; http://127.0.0.1:8080).",
            valueName: "url"))
    var server: String?

    @Option(
        help: ArgumentHelp("API token (MARTLET_TOKEN); other users can see it in the process list.", valueName: "token")
    )
    var token: String?

    @Option(help: ArgumentHelp("File that holds the API token (MARTLET_TOKEN_FILE).", valueName: "path"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the certificate authorities to trust, instead of the system's (MARTLET_CA_FILE).",
            valueName: "path"))
    var caFile: String?

    /// Calls `body` with a client of that server.
    ///
    /// - Parameter program: what the server's audit trail calls the program.
    func withClient<Value: Sendable>(
        as program: String = "cli", _ body: (APIClient) async throws -> Value
    ) async throws -> Value {
        let environment = ProcessInfo.processInfo.environment
        let authorities = caFile ?? environment["MARTLET_CA_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        return try await APIClient.with(
            base(environment), token: try secret(environment), authorities: authorities, as: program, body)
    }

    /// The server's URL without a trailing slash.
    func base(_ environment: [String: String]) -> String {
        var base = server ?? environment["MARTLET_SERVER"].flatMap { $0.isEmpty ? nil : $0 } ?? "http://127.0.0.1:8080"
        if !base.contains("://") { base = "http://" + base }
        while base.hasSuffix("/") { base.removeLast() }
        return base
    }

    /// The token from the flag, the flag's file, the variable, or the variable's file.
    func secret(_ environment: [String: String]) throws -> String? {
        if let token { return try Self.checked(token, "--token") }
        if let tokenFile { return try Self.read(tokenFile) }
        if let token = environment["MARTLET_TOKEN"], !token.isEmpty { return try Self.checked(token, "MARTLET_TOKEN") }
        if let path = environment["MARTLET_TOKEN_FILE"], !path.isEmpty { return try Self.read(path) }
        return nil
    }

    private static func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(.usage, "cannot read the token file \(path)")
        }
        let text = String(decoding: data, as: UTF8.self)
        return try checked(String(text.prefix { !$0.isNewline }), path)
    }

    /// The token without line breaks behind it; throws when it cannot be sent in a header.
    private static func checked(_ token: String, _ source: String) throws -> String {
        let line = String(token.reversed().drop { $0.isNewline }.reversed())
        guard line.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw CommandFailure(
                .usage, "\(source): a token has only visible ASCII characters, without spaces or line breaks")
        }
        return line
    }
}
