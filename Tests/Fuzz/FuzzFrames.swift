// Fuzzes what a worker and the process of an isolated job say to each other: however cut, the same frames.

import FoundationEssentials
import MartletJobs

@testable import MartletQueue
@testable import MartletWorker

func fuzzFrames(_ input: Input) {
    var input = input
    let choice = input.byte()
    let whole = read([Array(input.rest)])
    let cut = read(input.pieces(choice))
    check(whole.bodies == cut.bodies && whole.isBroken == cut.isBroken, "cut into pieces other frames come")
    var written: [UInt8] = []
    for frame in whole.frames { written += IsolationFrames.bytes(of: frame) ?? [] }
    let again = read([written])
    check(again.bodies == whole.bodies && !again.isBroken, "what was read cannot be written")
    for frame in whole.frames { use(frame) }
    // Bytes that are no frame of their own are the body of one.
    let framed = [0, 0, UInt8(input.rest.count >> 8 & 0xFF), UInt8(input.rest.count & 0xFF)] + input.rest
    for frame in read([framed]).frames { use(frame) }
}

private struct Reading {
    var frames: [IsolationFrame] = []
    var isBroken = false

    /// The frames in a form that can be compared.
    var bodies: [Data] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return frames.map { (try? encoder.encode($0)) ?? Data() }
    }
}

private func read(_ pieces: [[UInt8]]) -> Reading {
    var (reader, reading) = (IsolationFrames(), Reading())
    for piece in pieces where !reading.isBroken {
        reading.isBroken = !reader.take(piece[...]) { reading.frames.append($0) }
        check(reader.pendingCount <= IsolationFrames.limit + 4, "more is kept than a frame has")
    }
    return reading
}

/// What a worker does with a child's words, and a child with a worker's.
private func use(_ frame: IsolationFrame) {
    switch frame {
    case .run(let job): _ = job.facts
    case .progress(let completed, let total, let rate):
        let progress = JobProgress(completed: completed, total: total, rate: rate)
        check(JobProgress(stored: progress.stored)?.stored == progress.stored, "progress \(progress.stored)")
    case .ended(let end): settle(end)
    case .stop, .saved, .save: break
    }
}

private func settle(_ end: IsolatedEnd) {
    guard let id = JobID("a") else { return }
    let job = ClaimedJob(
        id: id, token: "1:n", claims: 1, type: "t", payload: [], priority: 0, failures: 0, lost: 0, maxRetries: 3,
        retryPolicy: .standard)
    let outcome = OutcomeRule(job: job, stop: nil, hasTimedOut: false).outcome(of: Result { try end.output() })
    _ = TurnCall([Settlement(id: id, token: "1:n", outcome: outcome)], claim: nil).arguments
    switch outcome {
    case .failed(let wait, _), .snoozed(let wait), .released(let wait?), .crashed(let wait, _),
        .unknownType(let wait, _), .postponed(let wait, _), .throttled(_, let wait, _):
        check((.zero...NewJob.Limit.delay).contains(wait), "a wait of \(wait)")
    case .completed, .failedForGood, .released(nil): break
    }
}
