// What the docstrings of maintenance show.

import Logging
import Martlet
import MartletMaintenance
import ServiceLifecycle

func maintain(_ logger: Logger) async throws {
    let martlet = try await Martlet(.environment())
    var configuration = MaintenanceConfiguration()
    configuration.stateDirectory = "/var/lib/reports"
    let maintenance = MaintenanceService(martlet.store, configuration: configuration)
    let group = ServiceGroup(services: [martlet, maintenance], gracefulShutdownSignals: [.sigterm], logger: logger)
    try await group.run()
}

func configureMaintenance() -> MaintenanceConfiguration {
    var configuration = MaintenanceConfiguration()
    configuration.stateDirectory = "/var/lib/reports"
    configuration.memoryLimitPercent = 90
    return configuration
}

func readStatus(_ maintenance: MaintenanceService) -> Bool {
    let status = maintenance.status
    let isHealthy = status.isRedisFit && status.missingJobs.isEmpty && !status.refusesPushes
    return isHealthy
}

func endWithAdvice(_ maintenance: MaintenanceService) async throws {
    do {
        try await maintenance.run()
    } catch MaintenanceError.unfitRedis(let faults) {
        for fault in faults { print(fault) }
    }
}
