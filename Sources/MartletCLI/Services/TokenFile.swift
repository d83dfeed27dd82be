// The token file: read at the start, when it changes, and on SIGHUP.

import Logging
import MartletCommandSupport
import MartletHTTP
import ServiceLifecycle

/// Reloads the token file named by AUTH_TOKENS_FILE when it changes, and on ``reload()``.
///
/// An invalid file changes nothing: the previous tokens remain valid, and the log has the reason.
struct TokenFileService: ReloadingService {
    /// The current tokens.
    let tokens: TokenSource
    private let watch: FileWatch

    /// Reads the file; throws a failure when it is unusable.
    init(path: String, logger: Logger) throws(CommandFailure) {
        let first = FileLook.at(path)
        let tokens = TokenSource(try Self.table(first, path))
        self.tokens = tokens
        if first.everybodyReads {
            logger.warning("AUTH_TOKENS_FILE is readable by everyone on this machine", metadata: ["file": "\(path)"])
        }
        watch = FileWatch([path], first: [first]) { Self.apply($0[0], path, to: tokens, logger) }
    }

    func reload() { watch.reload() }

    func run() async throws { try await watch.run() }

    private static func table(_ look: FileLook, _ path: String) throws(CommandFailure) -> TokenTable {
        let data = try look.content(of: "AUTH_TOKENS_FILE", at: path, harm: "let themselves in")
        do throws(TokenFileError) { return try TokenTable(String(decoding: data, as: UTF8.self)) } catch {
            throw CommandFailure(.configuration, "AUTH_TOKENS_FILE=\(path): \(error)")
        }
    }

    private static func apply(_ look: FileLook, _ path: String, to source: TokenSource, _ logger: Logger) {
        do throws(CommandFailure) {
            let table = try table(look, path)
            guard table.count > 0 else {
                throw CommandFailure(.configuration, "AUTH_TOKENS_FILE=\(path): it has no token")
            }
            source.replace(with: table)
            logger.notice("tokens reloaded", metadata: ["file": "\(path)", "tokens": .stringConvertible(table.count)])
        } catch {
            logger.error(
                "AUTH_TOKENS_FILE is invalid, keeping the previous tokens", metadata: ["error": "\(error.message)"])
        }
    }
}
