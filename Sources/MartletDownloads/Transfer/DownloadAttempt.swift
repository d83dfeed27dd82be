// One download attempt, from the existing files to the finished file.

import Logging
import MartletJobs

struct DownloadAttempt: Sendable {
    let job: DownloadJob
    let context: JobContext
    let url: DownloadURL
    let dependencies: DownloadDependencies

    private var limit: Int64 { max(0, min(job.maxBytes ?? .max, dependencies.configuration.maxBytes)) }

    func run() async throws -> DownloadResult {
        do {
            return try await start()
        } catch let error as SystemError {
            throw DownloadError(error)
        }
    }

    private func start() async throws -> DownloadResult {
        let path = dependencies.configuration.directory
        let directory = try await Disk.run { try DownloadDirectory(path: path) }
        let checkpoint = readCheckpoint()
        let name = AttemptStart.finalName(of: job, checkpoint)
        let target = try await Disk.run { try directory.state(of: name) }
        let opening = AttemptStart(checkpoint: checkpoint, target: target, job: job, id: context.id.description)
        guard case .confirm(let final) = opening else { return try await begin(opening, checkpoint, in: directory) }
        if let result = try await confirm(final, in: directory) { return result }
        guard job.onConflict != .error else { throw DownloadError.fileExists(final.name) }
        return try await begin(.beginning(checkpoint, id: context.id.description), checkpoint, in: directory)
    }

    private func begin(
        _ opening: AttemptStart, _ checkpoint: DownloadCheckpoint?, in directory: DownloadDirectory
    ) async throws -> DownloadResult {
        if opening != .occupied, job.onConflict == .error { try await checkNobodyFetchesIt(in: directory) }
        switch opening {
        case .occupied, .confirm:
            throw DownloadError.fileExists(AttemptStart.finalName(of: job, checkpoint))
        case .fresh:
            if let part = checkpoint?.part { warnOfMissing(part) }
            let part = try await PartFileOpener(attempt: self, directory: directory).fresh()
            return try await transfer(part, from: nil, after: checkpoint)
        case .resume(let name):
            let part = try await PartFileOpener(attempt: self, directory: directory).resume(
                name, checkpoint: checkpoint)
            return try await transfer(part, from: checkpoint, after: checkpoint)
        }
    }

    /// Throws before fetching anything when another download, in any process, writes a file with the same name.
    private func checkNobodyFetchesIt(in directory: DownloadDirectory) async throws {
        let (filename, id) = (job.filename, context.id)
        let isTaken = try await Disk.run {
            try directory.names().contains { name in
                guard PartName.isPart(name, for: filename), !PartName.isPart(name, of: id.description) else {
                    return false
                }
                if case .locked = try PartFile.find(name, in: directory) { return true }
                return false
            }
        }
        if isTaken { throw DownloadError.nameUnderWay(filename) }
    }

    private func readCheckpoint() -> DownloadCheckpoint? {
        do {
            let checkpoint = try context.checkpoint(as: DownloadCheckpoint.self)
            return checkpoint?.hasPossibleSizes == false ? nil : checkpoint
        } catch {
            context.logger.warning(
                "checkpoint unreadable, restarting download from zero", metadata: ["error": "\(error)"])
            return nil
        }
    }

    func warnOfMissing(_ part: String) {
        context.logger.notice(
            "part file missing, restarting download from zero", metadata: ["part": "\(part)"])
    }

    /// Checks whether an earlier attempt finished the file and died before reporting it; `nil` when it is another file.
    private func confirm(_ final: FinalFile, in directory: DownloadDirectory) async throws -> DownloadResult? {
        let isSame = try await FinishedFile.matches(final, in: directory) { try context.checkStop() }
        guard isSame else { return nil }
        context.logger.info("file already complete", metadata: ["file": "\(final.name)"])
        context.progress(final.size, of: final.size)
        return DownloadResult(filename: final.name, bytes: final.size, sha256: final.sha256)
    }

    /// Downloads into a part: after the bytes of `checkpoint`, or from zero; `last` has the counts of earlier attempts.
    private func transfer(
        _ part: PartFile, from checkpoint: DownloadCheckpoint?, after last: DownloadCheckpoint?
    ) async throws -> DownloadResult {
        let checkpoints = CheckpointWriter(part: part, context: context, after: last)
        let transfer = Transfer(attempt: self, checkpoints: checkpoints, limit: limit)
        let outcome: Result<DownloadResult, any Error>
        do {
            outcome = .success(try await transfer.run(from: checkpoint))
        } catch {
            outcome = .failure(await ending(checkpoints, after: error, from: checkpoint?.offset ?? 0))
        }
        // The next attempt may begin at once, and must not find the part locked.
        try? await Disk.run { part.release() }
        return try outcome.get()
    }

    /// Keeps or removes the part depending on the reason of the stop; returns how the attempt ends.
    private func ending(_ checkpoints: CheckpointWriter, after error: any Error, from start: Int64) async -> any Error {
        if let failure = error as? CheckpointRejected { return failure.underlying }
        switch context.stopReason {
        case .leaseLost:
            return CancellationError()
        case .cancel:
            await cleanUp("remove the part file") {
                try await Disk.run { [part = checkpoints.part] in try part.remove() }
            }
            return CancellationError()
        case nil where !Task.isCancelled:
            return await failed(checkpoints, error, from: start)
        case .timeout where context.isLastAttempt:
            await cleanUp("discard the part file") { try await checkpoints.discard() }
            return CancellationError()
        case nil, .pause, .shutdown, .timeout:
            await keep(checkpoints)
            return CancellationError()
        }
    }

    private func failed(_ checkpoints: CheckpointWriter, _ error: any Error, from start: Int64) async -> any Error {
        var failure = DownloadError(any: error, isConnected: true)
        let (came, _) = checkpoints.part.offset.subtractingReportingOverflow(start)
        if ProgressRule.isFree(failure.code, bytes: came, used: checkpoints.free), failure.retryAdvice == .byPolicy {
            failure = failure.advising(.uncharged)
            checkpoints.countAsFree()
        }
        let yields = await yields(checkpoints, after: failure)
        if yields { failure = .yielding(before: checkpoints.countAsYielded()) }
        log(failure)
        if failure.invalidatesPart || endsJob(failure) || yields {
            await cleanUp("discard the part file") { try await checkpoints.discard() }
            // The checkpoint of a job that continues describes what is on disk.
            if !endsJob(failure) { context.progress(0, of: checkpoints.total) }
        } else {
            await keep(checkpoints)
        }
        return failure
    }

    /// Saves the position and frees reserved space, since the time of the next attempt is unknown.
    private func keep(_ checkpoints: CheckpointWriter) async {
        await cleanUp("save the position") { try await checkpoints.save() }
        await cleanUp("release reserved disk space") {
            try checkpoints.checkLease()
            try await Disk.run { [part = checkpoints.part] in try part.truncate() }
        }
    }

    /// Whether this download removes its bytes in favour of an older one on a full disk.
    ///
    /// Two downloads that keep their bytes would block each other forever.
    private func yields(_ checkpoints: CheckpointWriter, after failure: DownloadError) async -> Bool {
        guard failure.code == .diskFull, checkpoints.part.offset > 0 else { return false }
        let (path, id) = (dependencies.configuration.directory, context.id)
        return (try? await Disk.run { try PartFileCleaner.hasOlderPart(than: id, in: path) }) ?? false
    }

    /// Whether no further attempt follows, so that the part is no longer needed.
    private func endsJob(_ failure: DownloadError) -> Bool {
        switch failure.retryAdvice {
        case .never: true
        case .byPolicy, .after: context.isLastAttempt
        case .release, .uncharged: false
        }
    }

    /// Logs what the worker does not: failures of this machine, and details that the job's error must not show.
    private func log(_ failure: DownloadError) {
        let isOfThisMachine = failure.code == .diskFull || failure.code == .storageFailed
        guard failure.detail != nil || isOfThisMachine || failure.retryAdvice == .uncharged else { return }
        var metadata: Logger.Metadata = ["error": "\(failure)"]
        if let detail = failure.detail { metadata["detail"] = "\(detail)" }
        context.logger.log(
            level: isOfThisMachine ? .warning : .notice, "download attempt failed", metadata: metadata)
    }

    /// Runs clean-up after a failed attempt; an error is only logged.
    private func cleanUp(_ what: String, _ work: () async throws -> Void) async {
        do {
            try await work()
        } catch {
            context.logger.warning("Could not \(what)", metadata: ["error": "\(error)"])
        }
    }
}
