// How the upkeep of the queues ends a command.

package import MartletCommandSupport
package import MartletMaintenance

extension MaintenanceError: CommandFailureConvertible {
    package var commandFailure: CommandFailure { CommandFailure(.configuration, description) }
}
