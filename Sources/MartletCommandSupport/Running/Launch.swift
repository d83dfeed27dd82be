// Shared by the long-running commands: logs, metrics, signals, the service group.

import Dispatch
package import Logging
package import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The notice and clean-up of a process that is told to stop.
package struct ShutdownNotice: Sendable {
    /// What it waits for; `nil` when nobody reads it.
    package var text: @Sendable () async -> String?
    /// What must be done before it ends at once.
    package var cleanUp: @Sendable () -> Void

    package init(text: @escaping @Sendable () async -> String?, cleanUp: @escaping @Sendable () -> Void = {}) {
        self.text = text
        self.cleanUp = cleanUp
    }

    /// The text about running jobs; `count` is `nil` when unknown.
    package static func jobs(_ count: Int?, within grace: Duration) -> String {
        let time = HumanReadable.seconds(grace / .seconds(1))
        let subject = count.map { $0 == 1 ? "1 running job has" : "\($0) running jobs have" } ?? "Running jobs have"
        guard count != 0 else { return "No job is running. Press Ctrl-C again to stop at once." }
        return "\(subject) \(time) to finish; what is left then runs again later. Press Ctrl-C again to stop at once."
    }
}

/// Runs services until a signal or the end of standard input.
package enum Launch {
    /// Starts the services in order and stops them in reverse.
    ///
    /// The first SIGTERM or SIGINT starts a graceful stop, the second ends the process at once.
    ///
    /// - Parameters:
    ///   - services: the services in starting order.
    ///   - reload: called on SIGHUP; without it the signal is only logged. SIGHUP never ends the process, because
    ///     `systemctl reload` also sends it to processes that have nothing to reload.
    ///   - untilEOF: whether the end of standard input also stops the services.
    ///   - farewell: what is printed and done at the end.
    package static func run(
        _ services: [any Service], logger: Logger, reload: (@Sendable () -> Void)? = nil, untilEOF: Bool = false,
        farewell: ShutdownNotice? = nil
    ) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                }, logger: logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                var requests = StopRequests()
                for await signal in signals {
                    if signal == .sighup {
                        Self.reload(reload, logger)
                        continue
                    }
                    switch requests.take(at: .now) {
                    case .same: continue
                    case .exit:
                        farewell?.cleanUp()
                        _exit(128 + signal.rawValue)
                    case .stop: break
                    }
                    logger.info("shutting down", metadata: ["signal": "\(signal)"])
                    // Concurrent with the shutdown: an unresponsive Redis must not delay it.
                    if let farewell { Task { await farewell.text().map { Console.standard.note($0) } } }
                    await group.triggerGracefulShutdown()
                    requests.hasBegun(at: .now)
                }
                try await Task.sleep(for: .seconds(1 << 30))
            }
            if untilEOF {
                tasks.addTask {
                    await StandardInput.end()
                    await group.triggerGracefulShutdown()
                    try await Task.sleep(for: .seconds(1 << 30))
                }
            }
            try await tasks.next()
            tasks.cancelAll()
        }
    }
}

extension Launch {
    private static func reload(_ reload: (@Sendable () -> Void)?, _ logger: Logger) {
        if let reload { return reload() }
        logger.notice("SIGHUP ignored: there is nothing to read again")
    }
}

/// Standard input as a pipe from the parent process.
package enum StandardInput {
    /// Returns when the pipe is closed, or when the task is cancelled.
    package static func end() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        DispatchQueue(label: "martlet.stdin").async {
            var byte: UInt8 = 0
            while true {
                let count = read(STDIN_FILENO, &byte, 1)
                if count == 0 || (count < 0 && errno != EINTR) { break }
            }
            continuation.finish()
        }
        for await _ in stream {}
    }
}
