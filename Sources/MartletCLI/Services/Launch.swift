// What the long-running commands have in common: logs, metrics, signals, the group of services.

import CoreMetrics
import Dispatch
import Logging
import MartletTelemetry
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Logs and metrics of a process.
struct Telemetry: Sendable {
    let logger: Logger
    let registry: PrometheusRegistry

    /// Sets up both for the whole process; once.
    static func start(_ settings: ServiceSettings) -> Telemetry {
        let (format, level) = (settings.log.format, settings.log.level)
        LoggingSystem.bootstrap { format.handler(label: $0, level: level) }
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        let telemetry = Telemetry(logger: Logger(label: "martlet"), registry: registry)
        for warning in settings.warnings { telemetry.logger.warning("\(warning)") }
        return telemetry
    }
}

/// What a process says and does when it is told to end.
struct Farewell: Sendable {
    /// What it waits for, in a sentence; nothing where nobody reads it.
    var text: @Sendable () async -> String?
    /// What must be done before it ends at once.
    var cleanUp: @Sendable () -> Void = {}

    /// For processes with workers: how long running jobs may go on.
    static func worker(_ settings: ServiceSettings) -> Farewell {
        Farewell {
            guard Console.standard.noteWidth != nil else { return nil }
            return "Stopping. " + jobs(nil, within: settings.worker.shutdownGrace)
        }
    }

    /// What is said of jobs that run; `count` is `nil` where it is not known.
    static func jobs(_ count: Int?, within grace: Duration) -> String {
        let time = Humane.seconds(grace / .seconds(1))
        let subject = count.map { $0 == 1 ? "1 running job has" : "\($0) running jobs have" } ?? "Running jobs have"
        guard count != 0 else { return "No job is running. Press Ctrl-C again to stop at once." }
        return "\(subject) \(time) to finish; what is left then runs again later. Press Ctrl-C again to stop at once."
    }
}

/// Runs services until a signal or the end of standard input.
enum Launch {
    /// Starts the services in their order and ends them in reverse; the first signal ends them in order, the second
    /// one ends the process at once.
    static func run(
        _ services: [any Service], logger: Logger, untilEOF: Bool = false, farewell: Farewell? = nil
    ) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                }, logger: logger))
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            tasks.addTask {
                var count = 0
                for await signal in signals {
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

/// Standard input as a line to the process that started this one.
enum StandardInput {
    /// Returns when nobody holds the other end any more, or when the task is cancelled.
    static func end() async {
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
