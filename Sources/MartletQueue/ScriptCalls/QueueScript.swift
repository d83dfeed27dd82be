// The scripts by name, and the files that their library is made of.

/// One of the scripts: a function of the library.
package enum QueueScript: Int, CaseIterable, Sendable {
    case enqueue, turn, beat, sweep, control, configure, read, audit, repair, remove
    /// Not of a queue: on slots of their own.
    case global, register
    case permissions

    /// The word that stands for it in Lua, in the names of functions and in messages.
    package var name: String { "\(self)" }

    /// The file that defines it.
    var file: ScriptFile { self == .register ? .global : ScriptFile(rawValue: name) ?? .runtime }

    /// What Redis is told of it: whether it may run while memory is full, and whether it only reads.
    var flags: [String] {
        switch self {
        case .turn, .beat, .sweep, .control, .configure, .repair, .remove: ["allow-oom"]
        case .read, .audit, .permissions: ["no-writes"]
        case .enqueue, .global, .register: []
        }
    }
}

/// One file of Lua source, in the order in which they make the library; each needs only files before it.
package enum ScriptFile: String, CaseIterable, Sendable {
    case runtime, values, order, hooks, changes, places, dues, wake, locate, finish, promote, attempts, claims, homes
    case enqueue, turn, beat, sweep, control, configure, read, audit, repair, remove, global, permissions

    /// Its text as it is shipped.
    package var source: [UInt8] {
        switch self {
        case .runtime: PackageResources.runtime_lua
        case .values: PackageResources.values_lua
        case .order: PackageResources.order_lua
        case .hooks: PackageResources.hooks_lua
        case .changes: PackageResources.changes_lua
        case .places: PackageResources.places_lua
        case .dues: PackageResources.dues_lua
        case .wake: PackageResources.wake_lua
        case .locate: PackageResources.locate_lua
        case .finish: PackageResources.finish_lua
        case .promote: PackageResources.promote_lua
        case .attempts: PackageResources.attempts_lua
        case .claims: PackageResources.claims_lua
        case .homes: PackageResources.homes_lua
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
        case .permissions: PackageResources.permissions_lua
        }
    }

    /// Whether it defines functions and nothing that other files use: its local names end with it.
    var isClosed: Bool { QueueScript.allCases.contains { $0.name == rawValue } }
}
