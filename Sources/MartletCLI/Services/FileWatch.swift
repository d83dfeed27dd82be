// Files that a running process reads again: when they change, and on SIGHUP.

import FoundationEssentials
import MartletCommandSupport
import ServiceLifecycle
import Synchronization

/// The state of a file; equal states need no new read.
enum FileLook: Sendable, Equatable {
    case absent
    case found(Data, FileRights)

    /// Reads the state of the file that a path leads to.
    static func at(_ path: String) -> FileLook {
        guard let data = FileManager.default.contents(atPath: path) else { return .absent }
        return .found(data, FileRights(of: path))
    }

    /// Whether everybody on this machine may read the file.
    var everybodyReads: Bool { if case .found(_, let rights) = self { rights.everybodyReads } else { false } }

    /// The content; throws a failure that names the setting when it cannot be read or everybody may change it.
    ///
    /// - Parameter harm: what somebody who changes the file could do.
    func content(of setting: String, at path: String, harm: String) throws(CommandFailure) -> Data {
        func failure(_ what: String) -> CommandFailure { CommandFailure(.configuration, "\(setting)=\(path): \(what)") }
        guard case .found(let data, let rights) = self else { throw failure("cannot be read") }
        if let place = rights.writable {
            throw failure("everybody may write \(place), and so \(harm); chmod o-w \(place)")
        }
        return data
    }
}

/// A service that reads files again on request.
protocol ReloadingService: Service {
    /// Reads the files now, even if they have not changed.
    func reload()
}

/// Looks at files twice a second, and at once on ``reload()``.
struct FileWatch: ReloadingService {
    private let paths: [String]
    private let first: [FileLook]
    private let interval: Duration
    private let apply: @Sendable ([FileLook]) -> Void
    private let isAsked = Flag()
    private let looks = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// Creates a watch.
    ///
    /// - Parameters:
    ///   - paths: the files, which are used together.
    ///   - first: their states that are in use.
    ///   - apply: takes the new states of all of them.
    init(
        _ paths: [String], first: [FileLook], interval: Duration = .milliseconds(500),
        apply: @escaping @Sendable ([FileLook]) -> Void
    ) {
        self.paths = paths
        self.first = first
        self.interval = interval
        self.apply = apply
    }

    func reload() {
        isAsked.set()
        looks.continuation.yield()
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                var changes = FileChanges(first)
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: interval)
                        looks.continuation.yield()
                    }
                }
                for await _ in looks.stream {
                    let isAsked = isAsked.take()
                    guard let look = changes.next(paths.map(FileLook.at), isAsked: isAsked) else { continue }
                    apply(look)
                }
                group.cancelAll()
            }
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

/// Decides which states of files to use.
struct FileChanges: Sendable {
    private var applied: [FileLook]
    private var seen: [FileLook]

    /// Starts with the states in use.
    init(_ first: [FileLook]) {
        applied = first
        seen = first
    }

    /// The states to use; `nil` when there is nothing new.
    ///
    /// A change must be seen twice, since some editors write a file in several steps and two files are written one after
    /// the other; a signal means that writing is done.
    mutating func next(_ look: [FileLook], isAsked: Bool) -> [FileLook]? {
        defer { seen = look }
        guard isAsked || (look != applied && look == seen) else { return nil }
        applied = look
        return look
    }
}
