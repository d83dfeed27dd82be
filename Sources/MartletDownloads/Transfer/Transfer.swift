// From a locked part file to the finished file: request, write, verify, rename.

import Logging
import MartletJobs

struct Transfer: Sendable {
    let attempt: DownloadAttempt
    let checkpoints: CheckpointWriter
    let limit: Int64

    /// A server that contradicts itself is not asked again indefinitely.
    private static let mostQuestions = 4

    private var context: JobContext { attempt.context }
    private var part: PartFile { checkpoints.part }

    func run(from checkpoint: DownloadCheckpoint?) async throws -> DownloadResult {
        let known = checkpoint ?? DownloadCheckpoint()
        let held = try await Disk.run { [part] in part.held }
        let request = Request(checkpoint: known, held: held)
        if request.kept(of: held) < max(held.count, known.offset) {
            context.logger.notice(
                "previous bytes unusable, restarting download from zero",
                metadata: ["bytes": .stringConvertible(held.count)])
            try await checkpoints.restart(as: known.version, total: known.total)
        } else {
            checkpoints.adopt(version: known.version, total: known.total)
            if held.count > 0 { context.progress(held.count, of: known.total) }
        }
        if request != .nothing { try await fetch(request, known: known) }
        return try await finish()
    }

    /// Requests and writes; repeats when the response does not continue the existing bytes or more may follow.
    private func fetch(_ first: Request, known: DownloadCheckpoint) async throws {
        var (request, known) = (first, known)
        for _ in 0..<Self.mostQuestions {
            let answer = try await attempt.dependencies.fetcher.ask(
                attempt.url, request: request, known: known, limit: limit, logger: context.logger
            ) { plan, body in
                try await receive(&body, plan)
            }
            switch answer {
            case .write(let plan) where plan.isOpenEnded:
                guard case .rest(_, let ifRange) = request else { return }
                known.offset = part.offset
                request = .rest(from: known.offset, ifRange: ifRange)
            case .write, .complete:
                return
            case .requestWhole(let why) where request != .whole:
                context.logger.notice("restarting download from zero", metadata: ["reason": "\(why)"])
                // The known version is kept: the next response must not contradict it.
                try await checkpoints.restart(as: known.version, total: known.total)
                (request, known) = (.whole, DownloadCheckpoint(version: known.version, total: known.total))
            case .fail(let error):
                throw error
            case .requestWhole, .redirect:
                throw DownloadError.transient(.badResponse, "\(attempt.url.display) gave an answer that does not fit")
            }
        }
        throw DownloadError.transient(.incomplete, "the server does not say where the file ends")
    }

    private func receive(_ body: inout ResponseBodyReader, _ plan: BodyPlan) async throws {
        try context.checkStop()
        if plan.start == 0, part.offset > 0 {
            context.logger.notice("server sent the whole file, restarting download from zero")
            try await checkpoints.restart(as: plan.version, total: plan.total)
        } else {
            // Without a version, no later attempt continues after unverified bytes.
            checkpoints.adopt(version: plan.isUnproven ? nil : plan.version, total: plan.total)
        }
        do { try await copy(&body, plan) } catch  where plan.isUnproven {
            try await checkpoints.restart(as: plan.version, total: plan.total)
            throw error
        }
    }

    private func copy(_ body: inout ResponseBodyReader, _ plan: BodyPlan) async throws {
        if let total = plan.total { try await Disk.run { [part] in try part.reserve(upTo: total) } }
        var pump = BodyCopier(
            checkpoints: checkpoints, context: context, plan: plan, limit: limit, dependencies: attempt.dependencies)
        pump.limitSpeed(to: attempt.job.bytesPerSecond)
        try await pump.run(&body)
        try checkSize(part.offset, of: plan.end, "of")
        try checkSize(part.offset, of: plan.total, "of all")
    }

    /// Checks the size: with fewer bytes than announced, the next attempt continues; more bytes are an error.
    private func checkSize(_ count: Int64, of wanted: Int64?, _ what: String) throws {
        guard let wanted, count != wanted else { return }
        guard count < wanted else { throw DownloadError.tooLong(end: wanted) }
        throw DownloadError.transient(.incomplete, "the server sent \(count) \(what) \(wanted) bytes")
    }

    private func finish() async throws -> DownloadResult {
        try context.checkStop()
        let held = try await Disk.run { [part] in part.held }
        try checkSize(held.count, of: checkpoints.total, "of all")
        if let wanted = attempt.job.checksum?.lowercased(), wanted != "sha256:" + held.sum {
            throw DownloadError.permanent(
                .checksumMismatch, "the file's checksum is sha256:\(held.sum), not \(wanted); it was thrown away")
        }
        let name = try await takeName(size: held.count, sum: held.sum)
        context.progress(held.count, of: held.count)
        context.logger.info(
            "download completed",
            metadata: ["file": "\(name)", "bytes": .stringConvertible(held.count), "sha256": "\(held.sum)"])
        return DownloadResult(filename: name, bytes: held.count, sha256: held.sum)
    }

    /// Gives the file its final name, after saving that it will; returns the name.
    ///
    /// A free name may be taken a moment later, so the rename itself refuses to replace a file.
    private func takeName(size: Int64, sum: String) async throws -> String {
        let (filename, conflict) = (attempt.job.filename, attempt.job.onConflict ?? .rename)
        var (name, number) = (filename, 0)
        while true {
            if conflict == .rename {
                let from = number + 1
                guard let free = try await Disk.run({ [part] in try part.freeName(for: filename, from: from) }) else {
                    throw DownloadError.fileExists(filename)
                }
                (name, number) = free
            }
            try await checkpoints.announce(FinalFile(name: name, size: size, sha256: sum))
            if context.stopReason == .cancel { throw CancellationError() }
            if try await commit(as: name, replacing: conflict == .replace) { return name }
            guard conflict == .rename else { throw DownloadError.fileExists(name) }
        }
    }

    /// After that save the checkpoint is final, so a failure here does not change it: the file may already have its
    /// name.
    private func commit(as name: String, replacing: Bool) async throws -> Bool {
        do {
            return try await Disk.run { [part] in try part.commit(as: name, replacing: replacing) }
        } catch {
            throw CheckpointRejected(underlying: error)
        }
    }
}
