// Keeps the part file and the queue's checkpoint of it consistent.

import Logging
import MartletJobs
import NIOCore
import Synchronization

/// The attempt must end without further changes: the queue refused or lost a save, or already has the final state.
struct CheckpointRejected: Error {
    var underlying: any Error
}

/// Writes checkpoints for the part file of an attempt.
final class CheckpointWriter: Sendable {
    let part: PartFile
    private let context: JobContext
    private let facts = Mutex(Facts())

    private struct Facts {
        var version: RemoteVersion?
        var total: Int64?
        var free: Int?
        var yielded: Int?
    }

    /// Creates the writer for a part; counts of earlier attempts are copied from their checkpoint.
    init(part: PartFile, context: JobContext, after checkpoint: DownloadCheckpoint?) {
        self.part = part
        self.context = context
        facts.withLock { ($0.free, $0.yielded) = (checkpoint?.free, checkpoint?.yielded) }
    }

    /// The size of the whole file, if known.
    var total: Int64? { facts.withLock { $0.total } }

    /// Throws when another worker may hold the job; after that nothing on disk may change.
    func checkLease() throws {
        if context.stopReason == .leaseLost { throw CancellationError() }
    }

    /// Records the version and size that the part's bytes belong to.
    func adopt(version: RemoteVersion?, total: Int64?) {
        facts.withLock { ($0.version, $0.total) = (version, total) }
    }

    /// Counts this attempt as one that uses up no retry.
    func countAsFree() { facts.withLock { $0.free = ($0.free ?? 0) + 1 } }

    var free: Int { facts.withLock { $0.free ?? 0 } }

    /// Counts this attempt as one that removes its bytes for an older download; returns how many there were before.
    func countAsYielded() -> Int {
        facts.withLock { facts in
            let before = facts.yielded ?? 0
            facts.yielded = before == .max ? before : before + 1
            return before
        }
    }

    /// A checkpoint for these bytes.
    private func checkpoint(_ held: PartContents?) -> DownloadCheckpoint {
        facts.withLock { facts in
            DownloadCheckpoint(
                part: part.name, offset: held?.count ?? 0, sum: held?.sum, version: facts.version, total: facts.total,
                free: facts.free, yielded: facts.yielded)
        }
    }

    /// Syncs the bytes to disk and returns their checkpoint.
    private func syncedCheckpoint() async throws -> DownloadCheckpoint {
        let held = try await Disk.run { [part] in
            let held = part.held
            try part.sync()
            return held
        }
        return checkpoint(held)
    }

    /// Syncs the bytes to disk and saves their checkpoint; returns when the queue has confirmed it.
    ///
    /// The save runs in its own task, since a cancelled job must still save its position.
    func save() async throws { try await beginSave().value }

    /// Starts a save without waiting; it includes the bytes that `writing` adds to the part.
    func beginSave(after writing: EventLoopFuture<Void>? = nil) -> Task<Void, any Error> {
        Task {
            try await writing?.get()
            try checkLease()
            let checkpoint = try await syncedCheckpoint()
            try checkLease()
            try await saveCheckpoint(checkpoint)
        }
    }

    /// Saves that the part is discarded for `version`, then discards it.
    ///
    /// The order matters. A worker that lost the job is refused and leaves the bytes alone. After a crash, no
    /// checkpoint attributes bytes of the new version to the old one.
    func restart(as version: RemoteVersion?, total: Int64?) async throws {
        try checkLease()
        adopt(version: version, total: total)
        try await saveInOwnTask(checkpoint(nil))
        try checkLease()
        try await Disk.run { [part] in try part.restart() }
    }

    /// Saves that the part is complete and about to get its final name.
    func announce(_ final: FinalFile) async throws {
        try checkLease()
        var checkpoint = try await syncedCheckpoint()
        checkpoint.total = final.size
        checkpoint.final = final
        try checkLease()
        try await saveInOwnTask(checkpoint)
        try checkLease()
    }

    /// Removes the part and saves that nothing is left to resume.
    func discard() async throws {
        try checkLease()
        try await Disk.run { [part] in try part.remove() }
        try await saveInOwnTask(facts.withLock { DownloadCheckpoint(free: $0.free, yielded: $0.yielded) })
    }

    private func saveInOwnTask(_ checkpoint: DownloadCheckpoint) async throws {
        try await Task { try await saveCheckpoint(checkpoint) }.value
    }

    private func saveCheckpoint(_ checkpoint: DownloadCheckpoint) async throws {
        do {
            try await context.save(checkpoint)
        } catch {
            throw CheckpointRejected(underlying: error)
        }
    }
}
