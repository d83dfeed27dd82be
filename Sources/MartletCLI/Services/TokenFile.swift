// The file of tokens: read and checked when the server starts, and again whenever it changes or somebody asks for it.

import FoundationEssentials
import Logging
import MartletCommandSupport
import MartletHTTP
import ServiceLifecycle
import Synchronization

/// The file of hashed tokens that AUTH_TOKENS_FILE names.
struct TokenFile: Sendable {
    /// What a look at the file found; two looks that are equal need no second reading.
    enum Look: Sendable, Equatable {
        case absent
        case found(Data, everybodyReads: Bool, everybodyWrites: Bool)
    }

    let path: String

    /// Looks at the file.
    func look() -> Look {
        guard let data = FileManager.default.contents(atPath: path) else { return .absent }
        let rights = FileRights(of: path)
        return .found(data, everybodyReads: rights.everybodyReads, everybodyWrites: rights.everybodyWrites)
    }

    /// The tokens that a look found; throws a failure that names the setting and what is wrong.
    func table(_ look: Look) throws(CommandFailure) -> TokenTable {
        guard case .found(let data, _, let everybodyWrites) = look else { throw failure("cannot be read") }
        guard !everybodyWrites else {
            throw failure("everybody may write it, and so let themselves in; chmod o-w")
        }
        do throws(TokenFileError) { return try TokenTable(String(decoding: data, as: UTF8.self)) } catch {
            throw failure("\(error)")
        }
    }

    private func failure(_ what: String) -> CommandFailure {
        CommandFailure(.configuration, "AUTH_TOKENS_FILE=\(path): \(what)")
    }
}

/// Reads the file of tokens again when it has changed, and when ``TokenFileService/reload()`` asks for it.
///
/// A file that is not valid changes nothing: the tokens that were valid stay so, and a log entry says why.
struct TokenFileService: Service {
    private let file: TokenFile
    private let source: TokenSource
    private let first: TokenFile.Look
    private let logger: Logger
    private let interval: Duration
    private let isAsked = Flag()
    private let looks = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// The tokens of the file as they are now; throws a failure when they cannot be used.
    init(path: String, interval: Duration = .milliseconds(500), logger: Logger) throws(CommandFailure) {
        file = TokenFile(path: path)
        first = file.look()
        source = TokenSource(try file.table(first))
        self.logger = logger
        self.interval = interval
        if case .found(_, everybodyReads: true, _) = first {
            logger.warning("AUTH_TOKENS_FILE is readable by everyone on this machine", metadata: ["file": "\(path)"])
        }
    }

    /// The tokens that are valid at any moment.
    var tokens: TokenSource { source }

    /// Reads the file now, whether or not it has changed.
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

/// A wish that stays until somebody takes it up.
private final class Flag: Sendable {
    private let value = Atomic(false)

    func set() { value.store(true, ordering: .releasing) }

    /// Whether it was set since the last time.
    func take() -> Bool { value.exchange(false, ordering: .acquiring) }
}

/// Which looks at a file are to be acted upon.
struct TokenFileChanges: Sendable {
    private var applied: TokenFile.Look
    private var seen: TokenFile.Look

    /// Begins with what is in use.
    init(_ first: TokenFile.Look) {
        applied = first
        seen = first
    }

    /// The look to act upon; `nil` when there is nothing to do.
    ///
    /// A change must be seen twice, since some editors write a file in several steps; who asks has finished writing.
    mutating func next(_ look: TokenFile.Look, isAsked: Bool) -> TokenFile.Look? {
        defer { seen = look }
        guard isAsked || (look != applied && look == seen) else { return nil }
        applied = look
        return look
    }
}
