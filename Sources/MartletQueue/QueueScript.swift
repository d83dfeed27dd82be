// The scripts by name: which files each is made of.

/// One of the queue's scripts.
enum QueueScript: Int, CaseIterable, Sendable {
    case enqueue, claim, settle, beat, sweep, control, configure, read, audit

    /// The file that it is named after.
    var file: ScriptFile {
        switch self {
        case .enqueue: .enqueue
        case .claim: .claim
        case .settle: .settle
        case .beat: .beat
        case .sweep: .sweep
        case .control: .control
        case .configure: .configure
        case .read: .read
        case .audit: .audit
        }
    }

    /// What it shares with others beyond the prelude.
    ///
    /// A script gets only the parts that it uses: each function costs every call some 40 ns, since a call makes all anew.
    var parts: [ScriptFile] {
        switch self {
        case .enqueue: [.due, .wake, .locate]
        case .claim: [.due, .wake, .changes, .finish, .promote]
        case .settle: [.due, .wake, .locate, .changes, .finish]
        case .beat: [.changes]
        case .sweep: [.due, .wake, .changes, .finish, .promote]
        case .control: [.due, .wake, .locate, .changes, .finish]
        case .configure: [.due, .wake]
        case .read: [.due, .locate]
        case .audit: [.locate]
        }
    }

    /// The word that stands for it in names and messages.
    var name: String { file.rawValue }
}

/// One file of Lua source.
package enum ScriptFile: String, CaseIterable, Sendable {
    case prelude
    case due, wake, locate, changes, finish, promote
    case enqueue, claim, settle, beat, sweep, control, configure, read, audit
    case global

    /// Its text as it is shipped.
    package var source: [UInt8] {
        switch self {
        case .prelude: PackageResources.prelude_lua
        case .due: PackageResources.part_due_lua
        case .wake: PackageResources.part_wake_lua
        case .locate: PackageResources.part_locate_lua
        case .changes: PackageResources.part_changes_lua
        case .finish: PackageResources.part_finish_lua
        case .promote: PackageResources.part_promote_lua
        case .enqueue: PackageResources.enqueue_lua
        case .claim: PackageResources.claim_lua
        case .settle: PackageResources.settle_lua
        case .beat: PackageResources.beat_lua
        case .sweep: PackageResources.sweep_lua
        case .control: PackageResources.control_lua
        case .configure: PackageResources.configure_lua
        case .read: PackageResources.read_lua
        case .audit: PackageResources.audit_lua
        case .global: PackageResources.global_lua
        }
    }
}
