// Gets an attempt a part file that nobody else can write to.

import Glibc
import Logging
import MartletJobs

struct PartFileOpener: Sendable {
    let attempt: DownloadAttempt
    let directory: DownloadDirectory

    private var context: JobContext { attempt.context }

    /// A new part under this claim's own name.
    func fresh() async throws -> PartFile {
        let name = PartName.make(filename: attempt.job.filename, id: context.id, token: context.token)
        return try await Disk.run { [directory] in
            do {
                return try PartFile.create(name, in: directory)
            } catch let error as SystemError where error.code == EEXIST {
                // The same claim ran before, in this process or one whose reply was lost.
                guard case .ours(let part) = try PartFile.find(name, in: directory) else { throw error }
                try part.restart()
                return part
            }
        }
    }

    /// The part of an earlier attempt, cut and read up to its checkpoint; or a new one with what could be copied.
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
                "Another process still holds the part file; copying what is safe", metadata: ["part": "\(name)"])
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
