// Keeps what is on disk and what the queue knows of it in step.

import Logging
import MartletJobs
import NIOCore
import Synchronization

/// The attempt ends without touching anything more: the queue refused or lost a save, or knows all that can be known.
struct CheckpointRejected: Error {
    var underlying: any Error
}

/// The part file of an attempt together with the facts that belong to its bytes.
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

    /// The journal of a part; what earlier attempts counted is taken over from their checkpoint.
    init(part: PartFile, context: JobContext, after checkpoint: DownloadCheckpoint?) {
        self.part = part
        self.context = context
        facts.withLock { ($0.free, $0.yielded) = (checkpoint?.free, checkpoint?.yielded) }
    }

    /// The whole file's size, when it is known.
    var total: Int64? { facts.withLock { $0.total } }

    /// Throws once another worker may hold the job: from then on nothing on disk may change.
    func checkLease() throws {
        if context.stopReason == .leaseLost { throw CancellationError() }
    }

    /// The bytes that are there belong to this version.
    func adopt(version: RemoteVersion?, total: Int64?) {
        facts.withLock { ($0.version, $0.total) = (version, total) }
    }

    /// Counts this attempt as one that costs no retry.
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

    /// A checkpoint of these bytes.
    private func checkpoint(_ held: PartContents?) -> DownloadCheckpoint {
        facts.withLock { facts in
            DownloadCheckpoint(
                part: part.name, offset: held?.count ?? 0, sum: held?.sum, version: facts.version, total: facts.total,
                free: facts.free, yielded: facts.yielded)
        }
    }

    /// Brings the bytes to disk; returns what the next attempt needs to know.
    private func syncedCheckpoint() async throws -> DownloadCheckpoint {
        let held = try await Disk.run { [part] in
            let held = part.held
            try part.sync()
            return held
        }
        return checkpoint(held)
    }

    /// Brings the bytes to disk and tells the queue; returns when it has answered.
    ///
    /// It runs in a task of its own, because a job that is being cancelled still has to save its place.
    func save() async throws { try await beginSave().value }

    /// The same without waiting; it covers what `writing` brings to the part.
    func beginSave(after writing: EventLoopFuture<Void>? = nil) -> Task<Void, any Error> {
        Task {
            try await writing?.get()
            try checkLease()
            let checkpoint = try await syncedCheckpoint()
            try checkLease()
            try await tell(checkpoint)
        }
    }

    /// Tells the queue that the part is about to be thrown away for `version`, and only then does it.
    ///
    /// The order matters: a worker that lost the job is refused here and leaves the bytes alone, and a crash after
    /// it finds no checkpoint that takes the new version's bytes for the old one's.
    func restart(as version: RemoteVersion?, total: Int64?) async throws {
        try checkLease()
        adopt(version: version, total: total)
        try await tellInOwnTask(checkpoint(nil))
        try checkLease()
        try await Disk.run { [part] in try part.restart() }
    }

    /// Tells the queue that the part is complete and about to take its final name.
    func announce(_ final: FinalFile) async throws {
        try checkLease()
        var checkpoint = try await syncedCheckpoint()
        checkpoint.total = final.size
        checkpoint.final = final
        try checkLease()
        try await tellInOwnTask(checkpoint)
        try checkLease()
    }

    /// Removes the part and tells the queue that there is nothing to go on with.
    func discard() async throws {
        try checkLease()
        try await Disk.run { [part] in try part.remove() }
        try await tellInOwnTask(facts.withLock { DownloadCheckpoint(free: $0.free, yielded: $0.yielded) })
    }

    private func tellInOwnTask(_ checkpoint: DownloadCheckpoint) async throws {
        try await Task { try await tell(checkpoint) }.value
    }

    private func tell(_ checkpoint: DownloadCheckpoint) async throws {
        do {
            try await context.save(checkpoint)
        } catch {
            throw CheckpointRejected(underlying: error)
        }
    }
}
