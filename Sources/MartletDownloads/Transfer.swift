// From a locked part file to the finished file: ask, write, check, rename.

import Logging
import MartletJobs

struct Transfer: Sendable {
    let attempt: DownloadAttempt
    let journal: Journal
    let limit: Int64

    private var context: JobContext { attempt.context }
    private var part: PartFile { journal.part }

    func run(from checkpoint: DownloadCheckpoint?) async throws -> DownloadResult {
        let known = checkpoint ?? DownloadCheckpoint()
        let held = try await Disk.run { [part] in part.held }
        let request = Request(checkpoint: known, held: held)
        if request.kept(of: held) < max(held.count, known.offset) {
            context.logger.notice(
                "The bytes of the last attempt cannot be continued; starting from zero",
                metadata: ["bytes": "\(held.count)"])
            try await journal.restart(as: nil, total: nil)
        } else {
            journal.adopt(version: known.version, total: known.total)
            if held.count > 0 { context.progress(held.count, of: known.total) }
        }
        if request != .nothing { try await fetch(request, known: known) }
        return try await finish()
    }

    /// Asks and writes; at most once more when the answer does not continue what is here.
    private func fetch(_ first: Request, known: DownloadCheckpoint) async throws {
        var request = first
        while true {
            let answer = try await attempt.house.fetcher.ask(
                attempt.url, request: request, known: known, limit: limit, logger: context.logger
            ) { plan, body in
                try await receive(&body, plan)
            }
            switch answer {
            case .write, .complete:
                return
            case .askWhole(let why) where request != .whole:
                context.logger.notice("Starting again from zero", metadata: ["reason": "\(why)"])
                try await journal.restart(as: nil, total: nil)
                request = .whole
            case .fail(let error):
                throw error
            case .askWhole, .redirect:
                throw DownloadError.transient(.badResponse, "\(attempt.url.display) gave an answer that does not fit")
            }
        }
    }

    private func receive(_ body: inout BodyReader, _ plan: BodyPlan) async throws {
        try context.checkStop()
        if plan.start == 0, part.offset > 0 {
            context.logger.notice("The server sends the whole file again; starting from zero")
            try await journal.restart(as: plan.version, total: plan.total)
        } else {
            journal.adopt(version: plan.version, total: plan.total)
        }
        var pump = Pump(journal: journal, context: context, plan: plan, limit: limit, house: attempt.house)
        pump.limitSpeed(to: attempt.job.bytesPerSecond)
        try await pump.run(&body)
        let count = part.offset
        if let end = plan.end, count < end {
            throw DownloadError.transient(.incomplete, "the server sent \(count) of \(end) bytes")
        }
        if let total = plan.total, count < total {
            throw DownloadError.transient(.incomplete, "the server sent \(count) of \(total) bytes in all")
        }
    }

    private func finish() async throws -> DownloadResult {
        try context.checkStop()
        let held = try await Disk.run { [part] in part.held }
        if let wanted = attempt.job.checksum?.lowercased(), wanted != "sha256:" + held.sum {
            throw DownloadError.permanent(
                .checksumMismatch, "the file's checksum is sha256:\(held.sum), not \(wanted); it was thrown away")
        }
        let final = FinalFile(name: attempt.job.filename, size: held.count, sha256: held.sum)
        try await journal.announce(final)
        if context.stopReason == .cancel { throw CancellationError() }
        guard try await commit(as: final.name) else { throw DownloadError.fileExists(final.name) }
        context.progress(held.count, of: held.count)
        context.logger.info(
            "Downloaded", metadata: ["file": "\(final.name)", "bytes": "\(held.count)", "sha256": "\(held.sum)"])
        return DownloadResult(filename: final.name, bytes: final.size, sha256: final.sha256)
    }

    /// After the announcement the checkpoint says all there is to say, so a failure here changes it no more: the file
    /// may have its name already.
    private func commit(as name: String) async throws -> Bool {
        do {
            return try await Disk.run { [part] in try part.commit(as: name) }
        } catch {
            throw EndedAsItIs(underlying: error)
        }
    }
}
