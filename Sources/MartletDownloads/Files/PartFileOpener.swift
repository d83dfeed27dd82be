// Opens a part file for an attempt that no other attempt can write to.

import Glibc
import Logging
import MartletJobs

struct PartFileOpener: Sendable {
    let attempt: DownloadAttempt
    let directory: DownloadDirectory

    private var context: JobContext { attempt.context }

    /// Creates a part with a name of this claim.
    func fresh() async throws -> PartFile {
        let name = PartName.make(filename: attempt.job.filename, id: context.id, token: context.token)
        return try await Disk.run { [directory] in
            do {
                return try PartFile.create(name, in: directory)
            } catch let error as SystemError where error.code == EEXIST {
                // The same claim ran before, in this process or in one whose reply was lost.
                guard case .ours(let part) = try PartFile.find(name, in: directory) else { throw error }
                try part.restart()
                return part
            }
        }
    }

    /// Opens the part of an earlier attempt, truncated to its checkpoint; or creates a new one with the bytes that
    /// could be copied.
    func resume(_ name: String, checkpoint: DownloadCheckpoint?) async throws -> PartFile {
        let upTo = checkpoint?.offset ?? 0
        switch try await Disk.run({ [directory] in try PartFile.find(name, in: directory) }) {
        case .missing:
            attempt.warnOfMissing(name)
            return try await fresh()
        case .ours(let part):
            try await steps { try part.readOn(upTo: upTo) }
            try await checked { try part.truncate() }
            return part
        case .locked(let other):
            context.logger.notice(
                "part file locked by another process, copying its safe bytes", metadata: ["part": "\(name)"])
            let part = try await fresh()
            try await steps { try part.copyOn(from: other, upTo: upTo) }
            return part
        }
    }

    private func steps(_ step: @escaping @Sendable () throws -> Bool) async throws {
        while try await checked(step) {}
    }

    /// Runs a step on disk unless the job must stop.
    private func checked<Value: Sendable>(_ step: @escaping @Sendable () throws -> Value) async throws -> Value {
        try context.checkStop()
        return try await Disk.run(step)
    }
}
