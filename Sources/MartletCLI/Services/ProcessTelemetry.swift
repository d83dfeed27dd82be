// What the settings say of a process as a whole: its logs and metrics, and what it says when it is told to end.

import CoreMetrics
import Logging
import MartletCommandSupport
import MartletTelemetry

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

extension ShutdownNotice {
    /// For processes with workers: how long running jobs may go on.
    static func worker(_ settings: ServiceSettings) -> ShutdownNotice {
        ShutdownNotice {
            guard Console.standard.noteWidth != nil else { return nil }
            return "Stopping. " + jobs(nil, within: settings.worker.shutdownGrace)
        }
    }
}
