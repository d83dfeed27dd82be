// From a locked part file to the finished file: ask, write, check, rename.

import AsyncHTTPClient
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
            let open = try await attempt.house.fetcher.ask(
                attempt.url, request: request, known: known, limit: limit, logger: context.logger)
            defer { open.done() }
            try context.checkStop()
            switch open.answer {
            case .write(let plan):
                return try await receive(open.body, plan)
            case .complete:
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

    private func receive(_ body: HTTPClientResponse.Body, _ plan: BodyPlan) async throws {
        if plan.start == 0, part.offset > 0 {
            context.logger.notice("The server sends the whole file again; starting from zero")
            try await journal.restart(as: plan.version, total: plan.total)
        } else {
            journal.adopt(version: plan.version, total: plan.total)
        }
        try await pump(body, plan)
        let count = part.offset
        if let end = plan.end, count < end {
            throw DownloadError.transient(.incomplete, "the server sent \(count) of \(end) bytes")
        }
        if let total = plan.total, count < total {
            throw DownloadError.transient(.incomplete, "the server sent \(count) of \(total) bytes in all")
        }
    }

    /// Runs the pump beside the watch over it.
    private func pump(_ body: HTTPClientResponse.Body, _ plan: BodyPlan) async throws {
        let timeout = attempt.house.configuration.stallTimeout
        let watch = StallWatch(timeout: timeout)
        let isStalled = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                var pump = Pump(
                    journal: journal, context: context, plan: plan, limit: limit, watch: watch, house: attempt.house)
                pump.limitSpeed(to: attempt.job.bytesPerSecond)
                try await pump.run(body)
                return false
            }
            group.addTask {
                try await watch.untilStalled()
                return true
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        if isStalled { throw DownloadError.stalled(after: timeout, "nothing") }
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
        guard try await Disk.run({ [part] in try part.commit(as: final.name) }) else {
            throw DownloadError.fileExists(final.name)
        }
        context.progress(held.count, of: held.count)
        context.logger.info(
            "Downloaded", metadata: ["file": "\(final.name)", "bytes": "\(held.count)", "sha256": "\(held.sum)"])
        return DownloadResult(filename: final.name, bytes: final.size, sha256: final.sha256)
    }
}
