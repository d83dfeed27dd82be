// What the guide DeployingWorkers shows.

import Logging
import Martlet
import MartletMaintenance
import ServiceLifecycle

func serveBesideOthers(_ martlet: Martlet, _ worker: Worker, _ webServer: any Service, _ logger: Logger) async throws {
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: [martlet, worker, webServer], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
}

func maintainWithoutAServer(_ martlet: Martlet, _ worker: Worker, _ logger: Logger) async throws {
    var configuration = MaintenanceConfiguration()
    configuration.stateDirectory = "/var/lib/greeter"
    let maintenance = MaintenanceService(martlet.store, configuration: configuration, logger: logger)
    let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
            services: [martlet, maintenance, worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
}
