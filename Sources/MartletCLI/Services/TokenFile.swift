// The token file: read at the start, when it changes, and on SIGHUP.

import FoundationEssentials
import Logging
import MartletCommandSupport
import MartletHTTP
import ServiceLifecycle
import Synchronization

/// The token file named by AUTH_TOKENS_FILE.
struct TokenFile: Sendable {
    /// The state of the file; equal states need no new read.
    enum Look: Sendable, Equatable {
        case absent
        case found(Data, FileRights)
    }

    let path: String

    /// Reads the file's state.
    func look() -> Look {
        guard let data = FileManager.default.contents(atPath: path) else { return .absent }
        return .found(data, FileRights(of: path))
    }

    /// The tokens of a state; throws a failure that names the setting and the error.
    func table(_ look: Look) throws(CommandFailure) -> TokenTable {
        guard case .found(let data, let rights) = look else { throw failure("cannot be read") }
        if let place = rights.writable {
            throw failure("everybody may write \(place), and so let themselves in; chmod o-w \(place)")
        }
        do throws(TokenFileError) { return try TokenTable(String(decoding: data, as: UTF8.self)) } catch {
            throw failure("\(error)")
        }
    }

    private func failure(_ what: String) -> CommandFailure {
        CommandFailure(.configuration, "AUTH_TOKENS_FILE=\(path): \(what)")
    }
}

/// Reloads the token file when it changes, and on ``TokenFileService/reload()``.
///
/// An invalid file changes nothing: the previous tokens remain valid, and the log has the reason.
struct TokenFileService: Service {
    private let file: TokenFile
    private let source: TokenSource
    private let first: TokenFile.Look
    private let logger: Logger
    private let interval: Duration
    private let isAsked = Flag()
    private let looks = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Reads the file; throws a failure when it is unusable.
    init(path: String, interval: Duration = .milliseconds(500), logger: Logger) throws(CommandFailure) {
        file = TokenFile(path: path)
        first = file.look()
        source = TokenSource(try file.table(first))
        self.logger = logger
        self.interval = interval
        if case .found(_, let rights) = first, rights.everybodyReads {
            logger.warning("AUTH_TOKENS_FILE is readable by everyone on this machine", metadata: ["file": "\(path)"])
        }
    }

    /// The current tokens.
    var tokens: TokenSource { source }

    /// Reads the file now, even if it has not changed.
    func reload() {
        isAsked.set()
        looks.continuation.yield()
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                var changes = TokenFileChanges(first)
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: interval)
                        looks.continuation.yield()
                    }
                }
                for await _ in looks.stream {
                    let isAsked = isAsked.take()
                    guard let look = changes.next(file.look(), isAsked: isAsked) else { continue }
                    apply(look)
                }
                group.cancelAll()
            }
        }
    }

    private func apply(_ look: TokenFile.Look) {
        do throws(CommandFailure) {
            let table = try file.table(look)
            guard table.count > 0 else {
                throw CommandFailure(.configuration, "AUTH_TOKENS_FILE=\(file.path): it has no token")
            }
            source.replace(with: table)
            logger.notice(
                "tokens reloaded", metadata: ["file": "\(file.path)", "tokens": .stringConvertible(table.count)])
        } catch {
            logger.error(
                "AUTH_TOKENS_FILE is invalid, keeping the previous tokens", metadata: ["error": "\(error.message)"])
        }
    }
}

/// A flag that stays set until it is taken.
private final class Flag: Sendable {
    private let value = Atomic(false)

    func set() { value.store(true, ordering: .releasing) }

    /// Returns whether it was set since the last call.
    func take() -> Bool { value.exchange(false, ordering: .acquiring) }
}

/// Decides which states of the file to load.
struct TokenFileChanges: Sendable {
    private var applied: TokenFile.Look
    private var seen: TokenFile.Look

    /// Starts with the loaded state.
    init(_ first: TokenFile.Look) {
        applied = first
        seen = first
    }

    /// The state to load; `nil` when there is none.
    ///
    /// A change must be seen twice, since some editors write a file in several steps; a signal means that writing is
    /// done.
    mutating func next(_ look: TokenFile.Look, isAsked: Bool) -> TokenFile.Look? {
        defer { seen = look }
        guard isAsked || (look != applied && look == seen) else { return nil }
        applied = look
        return look
    }
}
