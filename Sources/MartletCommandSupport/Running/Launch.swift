// What the long-running commands have in common: signals and the group of services.

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

/// What a process says and does when it is told to end.
package struct Farewell: Sendable {
    /// What it waits for, in a sentence; nothing where nobody reads it.
    package var text: @Sendable () async -> String?
    /// What must be done before it ends at once.
    package var cleanUp: @Sendable () -> Void

    package init(text: @escaping @Sendable () async -> String?, cleanUp: @escaping @Sendable () -> Void = {}) {
        self.text = text
        self.cleanUp = cleanUp
    }

    /// What is said of jobs that run; `count` is `nil` where it is not known.
    package static func jobs(_ count: Int?, within grace: Duration) -> String {
        let time = Humane.seconds(grace / .seconds(1))
        let subject = count.map { $0 == 1 ? "1 running job has" : "\($0) running jobs have" } ?? "Running jobs have"
        guard count != 0 else { return "No job is running. Press Ctrl-C again to stop at once." }
        return "\(subject) \(time) to finish; what is left then runs again later. Press Ctrl-C again to stop at once."
    }
}

/// Runs services until a signal or the end of standard input.
package enum Launch {
    /// Starts the services in their order and ends them in reverse; the first SIGTERM or SIGINT ends them in order, the
    /// second one ends the process at once.
    ///
    /// - Parameters:
    ///   - services: the services in the order in which they start.
    ///   - reload: what SIGHUP asks for; without it the signal is only noted. It never ends the process: `systemctl reload`
    ///     sends it to processes that have nothing to read again, too.
    ///   - untilEOF: whether the end of standard input ends the services too.
    ///   - farewell: what is said and done at the end.
    package static func run(
        _ services: [any Service], logger: Logger, reload: (@Sendable () -> Void)? = nil, untilEOF: Bool = false,
        farewell: Farewell? = nil
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
                var count = 0
                for await signal in signals {
                    if signal == .sighup {
                        Self.reload(reload, logger)
                        continue
                    }
                    count += 1
                    guard count == 1 else {
                        farewell?.cleanUp()
                        _exit(128 + signal.rawValue)
                    }
                    logger.info("shutting down", metadata: ["signal": "\(signal)"])
                    // Beside the shutdown: a Redis that does not answer must not hold it up.
                    if let farewell { Task { await farewell.text().map { Console.standard.note($0) } } }
                    await group.triggerGracefulShutdown()
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

/// Standard input as a line to the process that started this one.
package enum StandardInput {
    /// Returns when nobody holds the other end any more, or when the task is cancelled.
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
