// What the guide DeployingWorkers shows.

import Logging
import Martlet
import ServiceLifecycle

func serveBesideOthers(_ martlet: Martlet, _ worker: Worker, _ webServer: any Service, _ logger: Logger) async throws {
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: [martlet, worker, webServer], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
}
