// How attempts end: retries by the clock of Redis, permanent errors, timeouts, checkpoints, and what handlers ask for.

import Foundation
import Martlet
import Synchronization
import TestSupport
import Testing

/// What handlers throw here.
private struct Boom: Error, CustomStringConvertible {
    var description = "boom"
}

/// An error that advises.
private struct Advice: RetryAdvising, CustomStringConvertible {
    var retryAdvice: RetryAdvice
    var description: String { "advice" }
}

@Suite struct OutcomeTests {
    @Test func `an always failing job runs 4 times, due 1, 2 and 4 minutes after each failure by Redis' clock`()
        async throws
    {
        try await withStore { harness in
            let runLog = RunLog()
            let gates = (0..<4).map { _ in Gate() }
            gates[3].open()
            try await running(
                worker(harness, slots: 1) {
                    On(Note.self) { job, context in
                        guard job.number == 0 else { return }
                        runLog.add("\(context.attempt) \(context.isLastAttempt)")
                        try await gates[context.attempt - 1].pass()
                        throw Boom()
                    }
                }
            ) {
                let queue = harness.queue()
                // Minutes, so that no retry falls due while we look.
                let policy = RetryPolicy(base: .seconds(60))
                let id = try await queue.enqueue(Note(), priority: 7, retryPolicy: policy).id
                var offset = 0
                for (failures, wait) in [(1, 60), (2, 120), (3, 240)] {
                    try await eventually("attempt \(failures) runs") { runLog.count == failures }
                    // Paused, so that the retry cannot begin while we look, however slow the machine is.
                    try await queue.pause()
                    gates[failures - 1].open()
                    try await eventually("failure \(failures) is counted") {
                        let job = try await queue.job(id)
                        return job?.state == .retrying && job?.failures == failures
                    }
                    let job = try #require(try await queue.job(id))
                    #expect(job.error == "boom")
                    #expect(job.priority == 7)
                    let due = try #require(job.dueAt)
                    #expect(due.timeIntervalSince(try #require(job.startedAt)) >= Double(wait))
                    #expect(due.timeIntervalSince(job.readAt) <= Double(wait))
                    // An hour earlier, so that only the other job may run.
                    try await harness.setClock(.seconds(offset - 3600))
                    try await queue.resume()
                    // The only slot is free while the retry waits.
                    let other = try await queue.enqueue(Note(number: 1))
                    _ = try await other.result(within: .seconds(30))
                    #expect(runLog.count == failures)
                    offset += wait
                    try await harness.setClock(.seconds(offset))
                }
                let failed = try await harness.waitFor(id, .failed)
                #expect(failed.failures == 4)
                #expect(runLog.all == ["1 false", "2 false", "3 false", "4 true"])
            }
        }
    }

    @Test(arguments: [0, 5]) func `max_retries is honoured`(retries: Int) async throws {
        try await withStore { harness in
            let runLog = RunLog()
            try await running(
                worker(harness) {
                    On(Note.self) { _, _ in
                        runLog.add("run")
                        throw Boom()
                    }
                }
            ) {
                let id = try await harness.queue().enqueue(
                    Note(), maxRetries: retries, retryPolicy: .fixed(.milliseconds(1))
                ).id
                try await harness.waitFor(id, .failed)
                #expect(runLog.count == retries + 1)
            }
        }
    }

    @Test func `permanent errors do not retry`() async throws {
        try await withStore { harness in
            try await running(
                worker(harness) {
                    On(Note.self) { job, _ in
                        if job.number == 0 { throw JobOutcome.discard(reason: "no use") }
                        throw Advice(retryAdvice: .never)
                    }
                }
            ) {
                let refs = try await harness.queue().enqueue(contentsOf: [Note(number: 0), Note(number: 1)])
                #expect(try await harness.waitFor(refs[0].id, .failed).error == "no use")
                let advised = try await harness.waitFor(refs[1].id, .failed)
                #expect(advised.error == "advice")
                #expect(advised.failures == 1)
                await #expect(throws: JobWaitError.failed("no use")) { try await refs[0].result(within: .seconds(30)) }
            }
        }
    }

    @Test func `a handler's own delay, a snooze and a release are applied, and only the failure is charged`()
        async throws
    {
        try await withStore { harness in
            let runLog = RunLog()
            try await running(
                worker(harness) {
                    On(Note.self) { job, context in
                        let place = "\(job.number)"
                        runLog.add(place)
                        guard runLog.count(of: place) == 1 else { return }
                        switch job.number {
                        case 0: throw JobOutcome.retry(after: .milliseconds(5), reason: "later")
                        case 1: throw JobOutcome.snooze(.milliseconds(5))
                        case 2: throw JobOutcome.release()
                        case 3: throw JobOutcome.release(after: .milliseconds(5))
                        case 4: throw Advice(retryAdvice: .after(.milliseconds(5)))
                        default: throw Advice(retryAdvice: .release(after: .milliseconds(5)))
                        }
                    }
                }
            ) {
                let refs = try await harness.queue().enqueue(contentsOf: (0..<6).map { Note(number: $0) })
                for (number, ref) in refs.enumerated() {
                    let job = try await harness.waitFor(ref.id, .completed)
                    #expect(job.failures == ([0, 4].contains(number) ? 1 : 0), "job \(number)")
                    #expect(job.claims == 2, "job \(number)")
                }
            }
        }
    }

    @Test func `an attempt beyond its timeout is cancelled and counts as a failure`() async throws {
        try await withStore { harness in
            let runLog = RunLog()
            try await running(
                worker(harness) {
                    On(Note.self) { job, context in
                        do { try await Task.sleep(for: .seconds(60)) } catch {
                            runLog.add(context.stopReason?.rawValue ?? "none")
                            if job.number == 0 { throw error }
                        }
                    }
                }
            ) {
                for number in 0...1 {
                    let id = try await harness.queue().enqueue(
                        Note(number: number), maxRetries: 0, timeout: .milliseconds(150)
                    ).id
                    let job = try await harness.waitFor(id, .failed)
                    #expect(job.error == "timed out after 0.15 seconds")
                    #expect(job.lost == 0)
                }
                #expect(runLog.all == ["timeout", "timeout"])
            }
        }
    }

    @Test func `a checkpoint is available to the next attempt, and progress is shown`() async throws {
        struct Place: Codable, Equatable, Sendable { var offset: Int }
        try await withStore { harness in
            let (runLog, gate) = (RunLog(), Gate())
            try await running(
                worker(harness) {
                    On(Note.self) { _, context in
                        if let place: Place = try context.checkpoint() {
                            runLog.add("from \(place.offset)")
                            return
                        }
                        context.progress(10, of: 40, rate: 2)
                        // Three at once share heartbeats; the last one counts.
                        for offset in 1...3 { try await context.save(Place(offset: offset)) }
                        await #expect(throws: CheckpointError.self) {
                            try await context.save(String(repeating: "x", count: 70_000))
                        }
                        try await gate.pass()
                        throw Boom()
                    }
                }
            ) {
                let queue = harness.queue()
                let id = try await queue.enqueue(Note(), retryPolicy: .fixed(.milliseconds(1))).id
                try await eventually("it is saved") {
                    guard let job = try await queue.job(id), let saved = job.checkpoint else { return false }
                    return try JSONDecoder().decode(Place.self, from: Data(saved)) == Place(offset: 3)
                }
                #expect(try await queue.job(id)?.progress == JobProgress(completed: 10, total: 40, rate: 2))
                gate.open()
                try await harness.waitFor(id, .completed)
                #expect(runLog.all == ["from 3"])
            }
        }
    }

    @Test func `a job of an unknown type is released without a charge and runs where it is known`() async throws {
        try await withStore { harness in
            var configuration = WorkerConfiguration.quick
            configuration.unknownTypeDelay = .seconds(60)
            let id = try await harness.queue().enqueue(Note()).id
            try await running(worker(harness, configuration) { On(Square.self) { job, _ in job.side } }) {
                let waiting = try await harness.waitFor(id, .retrying)
                #expect(waiting.failures == 0)
                #expect(waiting.error == "waits for a worker that knows jobs of type note")
                #expect(try #require(waiting.dueAt) > waiting.readAt)
            }
            try await harness.setClock(.seconds(120))
            try await running(worker(harness) { On(Note.self) { _, _ in } }) {
                let job = try await harness.waitFor(id, .completed)
                #expect(job.failures == 0)
                #expect(job.lost == 0)
            }
        }
    }

    @Test func `a job of a type that no worker knows fails after its limit, and a manual retry starts the limit again`()
        async throws
    {
        try await withStore { harness in
            var configuration = WorkerConfiguration.quick
            configuration.unknownTypeDelay = .milliseconds(50)
            configuration.unknownTypeLimit = .seconds(3600)
            let queue = harness.queue()
            let id = try await queue.enqueue(Note()).id
            @Sendable func setClock(hours: Int) async throws {
                // Paused, so that no claim is under way when the clock moves.
                try await queue.pause()
                try await eventually("no worker has it") { try await queue.job(id)?.state != .active }
                try await harness.setClock(.seconds(hours * 3600))
                try await queue.resume()
            }
            let ending = " s no worker knew jobs of type note"
            try await running(worker(harness, configuration) { On(Square.self) { job, _ in job.side } }) {
                try await eventually("it was claimed more than twice") { try await queue.job(id)?.claims ?? 0 > 2 }
                try await setClock(hours: 2)
                let first = try await harness.waitFor(id, .failed)
                #expect(first.error?.hasPrefix("unsupported: for 72") == true && first.error?.hasSuffix(ending) == true)
                #expect(first.claims > 2 && first.lost == 0)
                #expect(try #require(first.finishedAt).timeIntervalSince(first.createdAt) >= 3600)
                #expect(try await queue.control(.retry, id) == .done(.queued))
                let waiting = try await harness.waitFor(id, .retrying)
                #expect(waiting.claims > first.claims, "it has its whole time again")
                try await setClock(hours: 4)
                let again = try await harness.waitFor(id, .failed)
                #expect(again.claims > waiting.claims && again.error?.hasSuffix(ending) == true)
            }
        }
    }

    @Test func `an undecodable payload fails at once with the reason, but without its values`()
        async throws
    {
        try await withStore { harness in
            let payloads = ["{\"side\":\"secret\"}", "{}", "{\"side\":null}", "[1", "[]"]
            let jobs = payloads.map { NewJob(type: Square.name, payload: Array($0.utf8)) }
            _ = try await harness.queue().enqueue(jobs)
            try await running(worker(harness) { On(Square.self) { job, _ in job.side } }) {
                for job in jobs {
                    let failed = try await harness.waitFor(job.id, .failed)
                    #expect(failed.failures == 1)
                    let error = try #require(failed.error)
                    #expect(error.hasPrefix("the payload cannot be read as a job of type square: "))
                    #expect(!error.contains("secret"))
                }
                #expect(try await harness.queue().job(jobs[1].id)?.error?.hasSuffix("it lacks side") == true)
                let error = try await harness.queue().job(jobs[0].id)?.error
                #expect(error?.contains("side is not a whole number") == true)
            }
        }
    }

    @Test func `a result or an error beyond its limit never keeps a job from ending`() async throws {
        struct Big: Job {
            typealias Output = String
            static let name = "big"
            var bytes: Int
        }
        struct Odd: Job {
            typealias Output = Double
            static let name = "odd"
        }
        try await withStore { harness in
            try await running(
                worker(harness) {
                    On(Big.self) { job, _ in String(repeating: "x", count: job.bytes) }
                    On(Odd.self) { _, _ in Double.infinity }
                    On(Note.self) { _, _ in throw Boom(description: String(repeating: "e", count: 5_000_000)) }
                }
            ) {
                let queue = harness.queue()
                let big = try await queue.enqueue(Big(bytes: 1_000_000)).id
                let odd = try await queue.enqueue(Odd()).id
                let loud = try await queue.enqueue(Note(), maxRetries: 0).id
                let output = try #require(try await harness.waitFor(big, .completed).output)
                #expect(String(decoding: output, as: UTF8.self).contains("output_too_large"))
                let oddOutput = try #require(try await harness.waitFor(odd, .completed).output)
                #expect(String(decoding: oddOutput, as: UTF8.self).contains("output_not_encodable"))
                let error = try #require(try await harness.waitFor(loud, .failed).error)
                #expect(error.utf8.count <= Settlement.errorLimit)
            }
        }
    }

    @Test func `a cancellation error without a stop is an ordinary failure`() async throws {
        try await withStore { harness in
            try await running(worker(harness) { On(Note.self) { _, _ in throw CancellationError() } }) {
                let id = try await harness.queue().enqueue(Note(), maxRetries: 0).id
                #expect(try await harness.waitFor(id, .failed).failures == 1)
            }
        }
    }

    @Test func `middleware wraps the handler, the first outermost, and sees its errors`() async throws {
        struct Layer: WorkerMiddleware {
            let name: String
            let runLog: RunLog

            func around(
                _ context: JobContext, next: @concurrent @Sendable () async throws -> Void
            ) async throws {
                runLog.add("\(name) in")
                do { try await next() } catch {
                    runLog.add("\(name) \(error)")
                    throw error
                }
                runLog.add("\(name) out")
            }
        }
        try await withStore { harness in
            let runLog = RunLog()
            var configuration = WorkerConfiguration.quick
            configuration.middleware = [Layer(name: "a", runLog: runLog), Layer(name: "b", runLog: runLog)]
            try await running(
                worker(harness, slots: 1, configuration) {
                    On(Square.self) { job, _ in
                        runLog.add("run")
                        guard job.side > 0 else { throw JobOutcome.discard(reason: "no") }
                        return job.side
                    }
                }
            ) {
                let good = try await harness.queue().enqueue(Square(side: 4))
                #expect(try await good.result(within: .seconds(30)) == 4)
                #expect(runLog.all == ["a in", "b in", "run", "b out", "a out"])
                let bad = try await harness.queue().enqueue(Square(side: 0)).id
                try await harness.waitFor(bad, .failed)
                #expect(runLog.all.suffix(2).first?.hasPrefix("b discard") == true)
                #expect(runLog.all.last?.hasPrefix("a discard") == true)
            }
        }
    }
}
