// A service that begins when Redis has passed its checks.

import MartletChecks
import ServiceLifecycle

/// Starts a service when Redis has passed its checks, and repeats the checks every minute.
struct GatedService: Service {
    let gate: StartGate
    let service: any Service

    func run() async throws {
        try await cancelWhenGracefulShutdown { [gate] in try await gate.pass() }
        guard !Task.isShuttingDownGracefully, !Task.isCancelled else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [gate] in await gate.watch() }
            try await service.run()
            group.cancelAll()
        }
    }
}
