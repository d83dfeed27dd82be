// Fuzzes what reads the scripts' answers and stored jobs: a broken one is told or shown, and harms no other.

import MartletJobs
import NIOCore

@testable import MartletHTTP
@testable import MartletJSON
@testable import MartletQueue
@testable import MartletRedis

/// A line for the state, the score and the time, then a name and a value on each line; behind an `r` answers as they
/// come from Redis.
func fuzzRecords(_ input: Input) {
    var input = input
    if input.byte() == UInt8(ascii: "r") { return answers(input) }
    let (state, score, now) = (input.line(), input.line(), input.words())
    var pairs: [RedisValue] = []
    while !input.isEmpty {
        let line = input.line()
        let name = line.prefix { $0 != UInt8(ascii: "=") }
        pairs += [.bytes(Array(name)), .bytes(Array(line.dropFirst(name.count + 1)))]
    }
    let time = Int(now) ?? 1_700_000_000_000
    show(.array([.bytes(state), .bytes(score), .array(pairs)]), now: time)
    turn(
        .array([
            word("ok"), .integer(30_000), .integer(-1), .integer(0), .integer(time), word("nonce"), .array([]),
            word("a"), word("1"), .bytes(score), .array(pairs),
        ]))
    let words = Queue.words(pairs)
    let status = QueueStatus(name: .default, counts: words, meta: words)
    checkJSON(JSONOutput.queue(status))
    _ = status.ledgerDifference
}

private func word(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }

private func answers(_ input: Input) {
    var values: [RedisValue] = []
    let reader = try? ReplyReader(maximumReplyBytes: 1 << 20)
    try? reader?.read(ByteBuffer(bytes: input.rest), into: &values)
    for value in values {
        show(value, now: 1_700_000_000_000)
        turn(value)
        push(value)
        _ = try? HeartbeatReply(value)
        _ = ControlVerdict(value)
        if let cursor = value.string.flatMap({ JobCursor($0) }) {
            check(JobCursor(cursor.description) == cursor, "a cursor that cannot be read again: \(cursor)")
        }
    }
}

/// A job is shown as JSON, and its numbers are such that the worker can go on with them.
private func show(_ value: RedisValue, now: Int) {
    guard let id = JobID("a"), let job = try? JobRecord(value, id: id, queue: .default, now: now) else { return }
    checkJSON(JSONOutput.job(job))
    checkJSON(JSONOutput.job(job, brief: true))
    let wait = job.retryPolicy.delay(afterFailure: job.attempt)
    check((.zero...job.retryPolicy.cap).contains(wait), "a wait of \(wait) by \(job.retryPolicy)")
    check(RetryPolicy(stored: job.retryPolicy.stored) == job.retryPolicy, "\(job.retryPolicy) is stored as another")
    if let stored = job.progress?.stored {
        check(JobProgress(stored: stored)?.stored == stored, "progress \(stored) is stored as another")
    }
    let cursor = JobCursor(index: job.state.index, after: (job.place, job.id.description))
    if Double(place: job.place) != nil { check(JobCursor(cursor.description) == cursor, "the cursor \(cursor)") }
}

private func turn(_ value: RedisValue) {
    guard let id = JobID("a") else { return }
    let claim = ClaimRequest(worker: "w", number: 1, upTo: 10, nonce: "n")
    let settlements = [
        Settlement(id: id, token: "1:n", outcome: .completed(output: nil)),
        Settlement(id: id, token: "1:n", outcome: .failedForGood(error: "e")),
    ]
    guard let reply = try? TurnCall(settlements[...], claim: claim).reply(value) else { return }
    check(reply.settled.verdicts.count == settlements.count, "a settlement without a verdict")
    for job in reply.claimed?.jobs ?? [] {
        check(!job.type.isEmpty && (job.waited ?? .zero) >= .zero, "a job without a type, or from the future")
        let wait = job.retryPolicy.delay(afterFailure: max(job.failures, job.lost) + 1)
        check(wait <= job.retryPolicy.cap, "a wait of \(wait)")
    }
}

private func push(_ value: RedisValue) {
    let jobs = [NewJob(type: "t", payload: []), NewJob(type: "t", payload: [])]
    let call = PushCall(jobs[...])
    if let verdicts = try? call.verdicts(value) { check(verdicts.count == jobs.count, "a job without a verdict") }
    if case .refused(let index, _)? = try? call.result(value) {
        check(jobs.indices.contains(index), "job \(index) of \(jobs.count) is refused")
    }
}
