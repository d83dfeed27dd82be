// Watches whether downloads can be stored: at start, every few seconds, and for the worker's readiness.

import Dispatch
import Logging
import MartletChecks
import MartletCommandSupport
import MartletDownloads
import MartletHTTP
import MartletProcess
import ServiceLifecycle
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Watches the download directory of a worker.
final class DirectoryMonitor: Service {
    /// The name of its check.
    static let name = "download-directory"
    static let interval = Duration.seconds(5)

    private let path: String
    private let logger: Logger
    private let found = Mutex<Int32?>(nil)

    init(path: String, logger: Logger) {
        self.path = path
        self.logger = logger
    }

    /// Why a worker must not start with this directory; `nil` when it may.
    static func refusal(of path: String) -> CommandFailure? {
        guard let number = DirectoryProbe.failure(of: path) else { return nil }
        return CommandFailure(
            .configuration,
            "DOWNLOAD__DIRECTORY=\(path): no file can be made there: \(SystemReason.text(number)). Give this user the "
                + "right to write there, or name another directory")
    }

    /// Fails the worker's readiness while no file can be made.
    var readiness: ReadinessCheck {
        ReadinessCheck(name: Self.name) { [self] in
            found.withLock { $0 }.map { "no file can be made in the download directory: \(SystemReason.text($0))" }
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await look()
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    /// Looks once and logs a change.
    private func look() async {
        let number = await Self.probe(path)
        let before = found.withLock { found in
            defer { found = number }
            return found
        }
        guard before != number else { return }
        guard let number else {
            return logger.notice("download directory writable again", metadata: ["directory": "\(path)"])
        }
        logger.error(
            "download directory not writable, downloads wait",
            metadata: ["directory": "\(path)", "error": "\(SystemReason.text(number))"])
    }

    /// Not on a thread that tasks run on, since a file system may be slow.
    private static func probe(_ path: String) async -> Int32? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: DirectoryProbe.failure(of: path)) }
        }
    }
}

extension Checkup {
    /// Whether downloads can be stored in a directory; nothing is left of the attempt.
    static func downloadDirectory(_ path: String) -> Checkup {
        let name = "download directory"
        guard let number = DirectoryProbe.failure(of: path, leavesNothing: true) else {
            return Checkup(name, .good, path)
        }
        return Checkup(
            name, .bad, "\(path): \(SystemReason.text(number))",
            "give this user the right to write there, or name another DOWNLOAD__DIRECTORY")
    }
}
