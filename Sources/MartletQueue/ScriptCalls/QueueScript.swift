// The scripts by name, and the files that they are made of.

/// One of the queue's scripts.
enum QueueScript: Int, CaseIterable, Sendable {
    case enqueue, turn, beat, sweep, control, configure, read, audit, repair, remove

    /// The file that it is named after.
    var file: ScriptFile {
        switch self {
        case .enqueue: .enqueue
        case .turn: .turn
        case .beat: .beat
        case .sweep: .sweep
        case .control: .control
        case .configure: .configure
        case .read: .read
        case .audit: .audit
        case .repair: .repair
        case .remove: .remove
        }
    }

    /// The word that stands for it in names and messages.
    var name: String { file.rawValue }
}

/// One file of Lua source.
package enum ScriptFile: String, CaseIterable, Sendable {
    case names, prelude
    case values, order, places, dues, due, wake, alarm, locate, homes, changes, finish, promote, attempts, claims
    case enqueue, turn, beat, sweep, control, configure, read, audit, repair, remove
    case global, register

    /// Its text as it is shipped.
    package var source: [UInt8] {
        switch self {
        case .names: PackageResources.part_names_lua
        case .prelude: PackageResources.prelude_lua
        case .values: PackageResources.part_values_lua
        case .order: PackageResources.part_order_lua
        case .places: PackageResources.part_places_lua
        case .dues: PackageResources.part_dues_lua
        case .due: PackageResources.part_due_lua
        case .wake: PackageResources.part_wake_lua
        case .alarm: PackageResources.part_alarm_lua
        case .locate: PackageResources.part_locate_lua
        case .homes: PackageResources.part_homes_lua
        case .changes: PackageResources.part_changes_lua
        case .finish: PackageResources.part_finish_lua
        case .promote: PackageResources.part_promote_lua
        case .attempts: PackageResources.part_attempts_lua
        case .claims: PackageResources.part_claims_lua
        case .enqueue: PackageResources.enqueue_lua
        case .turn: PackageResources.turn_lua
        case .beat: PackageResources.beat_lua
        case .sweep: PackageResources.sweep_lua
        case .control: PackageResources.control_lua
        case .configure: PackageResources.configure_lua
        case .read: PackageResources.read_lua
        case .audit: PackageResources.audit_lua
        case .repair: PackageResources.repair_lua
        case .remove: PackageResources.remove_lua
        case .global: PackageResources.global_lua
        case .register: PackageResources.register_lua
        }
    }
}
