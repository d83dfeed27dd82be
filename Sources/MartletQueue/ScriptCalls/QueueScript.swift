// The scripts by name, and the files of their library.

/// One of the scripts: a function of the library.
package enum QueueScript: Int, CaseIterable, Sendable {
    case enqueue, turn, heartbeat, sweep, control, configure, limit, read, explain, audit, repair, remove
    /// Not part of a queue: their keys are in other slots.
    case global, register
    case permissions

    /// Its name in Lua, in function names and in messages.
    package var name: String { "\(self)" }

    /// The file that defines it.
    var file: ScriptFile { self == .register ? .global : ScriptFile(rawValue: name) ?? .runtime }

    /// The flags that Redis receives: whether it may run while memory is full, and whether it only reads.
    var flags: [String] {
        switch self {
        case .turn, .heartbeat, .sweep, .control, .configure, .limit, .repair, .remove: ["allow-oom"]
        case .read, .explain, .audit, .permissions: ["no-writes"]
        case .enqueue, .global, .register: []
        }
    }
}

/// A file of Lua source, in the order of the library.
///
/// A file needs only files before it.
package enum ScriptFile: String, CaseIterable, Sendable {
    case runtime, values, order, events, trail, changes, plan, wake, limitwords, limits, holds, usage, waiters, hooks,
        moves, places, dues,
        locate, finish, promote, history, groups, samples, times, attempts, claims
    case homes
    case limitstatus
    case enqueue, turn, heartbeat, sweep, control, configure, limit, read, explain, audit, repair, remove, global,
        permissions

    /// The file's text.
    package var source: [UInt8] {
        switch self {
        case .runtime: PackageResources.runtime_lua
        case .values: PackageResources.values_lua
        case .order: PackageResources.order_lua
        case .limits: PackageResources.limits_lua
        case .holds: PackageResources.holds_lua
        case .usage: PackageResources.usage_lua
        case .waiters: PackageResources.waiters_lua
        case .hooks: PackageResources.hooks_lua
        case .moves: PackageResources.moves_lua
        case .events: PackageResources.events_lua
        case .trail: PackageResources.trail_lua
        case .changes: PackageResources.changes_lua
        case .places: PackageResources.places_lua
        case .dues: PackageResources.dues_lua
        case .plan: PackageResources.plan_lua
        case .wake: PackageResources.wake_lua
        case .locate: PackageResources.locate_lua
        case .finish: PackageResources.finish_lua
        case .promote: PackageResources.promote_lua
        case .history: PackageResources.history_lua
        case .groups: PackageResources.groups_lua
        case .samples: PackageResources.samples_lua
        case .times: PackageResources.times_lua
        case .attempts: PackageResources.attempts_lua
        case .claims: PackageResources.claims_lua
        case .homes: PackageResources.homes_lua
        case .enqueue: PackageResources.enqueue_lua
        case .turn: PackageResources.turn_lua
        case .heartbeat: PackageResources.heartbeat_lua
        case .sweep: PackageResources.sweep_lua
        case .control: PackageResources.control_lua
        case .configure: PackageResources.configure_lua
        case .limitwords: PackageResources.limitwords_lua
        case .limitstatus: PackageResources.limitstatus_lua
        case .limit: PackageResources.limit_lua
        case .read: PackageResources.read_lua
        case .explain: PackageResources.explain_lua
        case .audit: PackageResources.audit_lua
        case .repair: PackageResources.repair_lua
        case .remove: PackageResources.remove_lua
        case .global: PackageResources.global_lua
        case .permissions: PackageResources.permissions_lua
        }
    }

    /// Whether it defines a function of the library; no other file uses its definitions.
    var definesFunction: Bool { QueueScript.allCases.contains { $0.name == rawValue } }
}
