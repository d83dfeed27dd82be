// The spans of pushes and attempts, with a tracer in memory, a real Redis and a real worker.

import Foundation
import InMemoryTracing
import Logging
import Martlet
import MartletRedis
import TestSupport
import Testing
import Tracing

@testable import MartletQueue
@testable import MartletWorker

@Suite struct TracingTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    private static let state = "z=1,a=2 , m@v=!\"#$%&'()*+-./:;<>?@[]^_`{|}~"

    private struct Odd: Error, CustomStringConvertible {
        var description: String { "odd" }
    }

    /// Waits until as many spans of this name have ended, and returns them in that order.
    private func spans(_ count: Int, _ name: String, of tracer: W3CTracer) async throws -> [FinishedInMemorySpan] {
        try await eventually("\(count) spans of \(name) have ended") { tracer.ended(name).count >= count }
        return tracer.ended(name)
    }

    @Test func `an attempt links to its push, and its settlement is below it`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let runLog = RunLog()
                let worker = worker(harness) {
                    On(Note.self) { _, context in
                        runLog.add(context.trace?.traceparent ?? "-")
                        InstrumentationSystem.tracer.withSpan("inside") { _ in }
                    }
                }
                try await running(worker) {
                    let id = try await InstrumentationSystem.tracer.withSpan("request") { _ in
                        try await harness.queue().enqueue(Note()).id
                    }
                    let request = try #require(try await spans(1, "request", of: tracer).first)
                    let send = try #require(try await spans(1, "send q", of: tracer).first)
                    #expect(send.kind == .producer && send.status == nil)
                    #expect(send.parentSpanID == request.spanID && send.traceID == request.traceID)
                    #expect(send.text("messaging.system") == "martlet")
                    #expect(send.text("messaging.destination.name") == "q")
                    #expect(send.text("messaging.operation.name") == "send")
                    #expect(send.text("messaging.operation.type") == "send")
                    #expect(send.text("messaging.message.id") == id.description)

                    let process = try #require(try await spans(1, "process q", of: tracer).first)
                    #expect(process.kind == .consumer && process.status == nil && process.errors.isEmpty)
                    #expect(process.linked == [send.traceparent])
                    #expect(process.parentSpanID == nil && process.traceID != send.traceID)
                    #expect(process.text("messaging.system") == "martlet")
                    #expect(process.text("messaging.destination.name") == "q")
                    #expect(process.text("messaging.operation.name") == "process")
                    #expect(process.text("messaging.operation.type") == "process")
                    #expect(process.text("messaging.message.id") == id.description)
                    #expect(process.text("messaging.client.id")?.hasPrefix("w-") == true)
                    #expect(process.text("martlet.job.type") == "note" && process.number("martlet.job.attempt") == 1)
                    #expect(runLog.all == [send.traceparent])
                    let inside = try #require(tracer.ended("inside").first)
                    #expect(inside.parentSpanID == process.spanID, "spans of the handler are below that of the attempt")

                    let settle = try #require(try await spans(1, "settle q", of: tracer).first)
                    #expect(settle.kind == .client && settle.status == nil)
                    #expect(settle.parentSpanID == process.spanID && settle.traceID == process.traceID)
                    #expect(settle.text("messaging.operation.type") == "settle")
                    #expect(settle.text("messaging.message.id") == id.description)
                }
            }
        }
    }

    @Test func `a failed attempt records its error, and every attempt links to the same push`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let worker = worker(harness) { On(Note.self) { _, context in if context.attempt == 1 { throw Odd() } } }
                try await running(worker) {
                    let policy = RetryPolicy.fixed(.zero)
                    let id = try await harness.queue().enqueue(Note(), retryPolicy: policy).id
                    try await harness.waitFor(id, .completed)
                    let send = try #require(tracer.ended("send q").first)
                    let attempts = try await spans(2, "process q", of: tracer)
                    #expect(attempts.map(\.linked) == [[send.traceparent], [send.traceparent]])
                    #expect(attempts.map { $0.number("martlet.job.attempt") } == [1, 2])
                    #expect(Set(attempts.map(\.traceID)).count == 2)
                    let failed = attempts[0]
                    #expect(failed.errors.count == 1 && failed.errors.first?.error is Odd)
                    #expect(failed.status == SpanStatus(code: .error, message: "odd"))
                    #expect(failed.text("error.type") == "Odd")
                    #expect(attempts[1].status == nil && attempts[1].errors.isEmpty)
                }
            }
        }
    }

    @Test func `an attempt that times out has failed with timeout`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let worker = worker(harness) {
                    On(Note.self) { _, context in
                        while context.stopReason == nil { try? await Task.sleep(for: .milliseconds(2)) }
                    }
                }
                try await running(worker) {
                    _ = try await harness.queue().enqueue(Note(), maxRetries: 0, timeout: .milliseconds(1))
                    let process = try #require(try await spans(1, "process q", of: tracer).first)
                    #expect(process.text("error.type") == "timeout" && process.status?.code == .error)
                }
            }
        }
    }

    @Test func `what a handler puts off has not failed`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let worker = worker(harness) { On(Note.self) { _, _ in throw JobOutcome.snooze(.seconds(600)) } }
                try await running(worker) {
                    _ = try await harness.queue().enqueue(Note())
                    let process = try #require(try await spans(1, "process q", of: tracer).first)
                    #expect(process.status == nil && process.errors.isEmpty && process.text("error.type") == nil)
                }
            }
        }
    }

    @Test func `a context that the job brings along stays as it is, to the last byte`() async throws {
        let tracer = W3CTracer()
        let own = try #require(TraceContext(traceparent: Self.parent, tracestate: Self.state))
        try await withTracer(tracer) {
            try await withStore { harness in
                let runLog = RunLog()
                let worker = worker(harness) {
                    On(Note.self) { _, context in runLog.add(context.trace?.tracestate ?? "-") }
                }
                try await running(worker) {
                    let alone = try NewJob(Note(), options: JobOptions(trace: own))
                    _ = try await harness.queue().enqueue(alone)
                    let process = try #require(try await spans(1, "process q", of: tracer).first)
                    #expect(process.linked == [Self.parent])
                    #expect(process.links.first?.context.tracestate == Self.state)
                    #expect(runLog.all == [Self.state])
                    let send = try #require(tracer.ended("send q").first)
                    #expect("00-\(send.traceID)-\(send.parentSpanID ?? "")-01" == Self.parent, "below the own context")
                    try await InstrumentationSystem.tracer.withSpan("request") { _ in
                        _ = try await harness.queue().enqueue(NewJob(Note(), options: JobOptions(trace: own)))
                    }
                    let request = try #require(tracer.ended("request").first)
                    let second = try #require(tracer.ended("send q").last)
                    #expect(second.parentSpanID == request.spanID && second.linked == [Self.parent])
                    let last = try #require(try await spans(2, "process q", of: tracer).last)
                    #expect(last.linked == [Self.parent])
                }
            }
        }
    }

    @Test func `jobs of one call share its span, and each keeps a context of its own`() async throws {
        let tracer = W3CTracer()
        let own = try #require(TraceContext(traceparent: Self.parent))
        try await withTracer(tracer) {
            try await withStore { harness in
                let queue = harness.queue()
                var jobs = try (0..<3).map { try NewJob(Note(number: $0)) }
                jobs[1].trace = own
                for isAtomic in [false, true] {
                    for index in jobs.indices { jobs[index].id = .generate() }
                    if isAtomic {
                        _ = try await queue.enqueueAtomically(jobs)
                    } else {
                        _ = try await queue.enqueue(jobs)
                    }
                    let send = try #require(tracer.ended("send q").last)
                    #expect(
                        send.number("messaging.batch.message_count") == 3 && send.text("messaging.message.id") == nil)
                    #expect(send.linked == [Self.parent])
                    let kept = try await queue.jobs(jobs.map(\.id)).map { $0?.trace?.traceparent }
                    #expect(kept == [send.traceparent, Self.parent, send.traceparent])
                }
                #expect(tracer.ended("send q").count == 2, "one span for each call")
                try await queue.enqueue(contentsOf: [Note()])
                let last = try #require(tracer.ended("send q").last)
                #expect(last.text("messaging.message.id") != nil && last.number("messaging.batch.message_count") == nil)
            }
        }
    }

    @Test func `a repeated push keeps the first context, and a refused one says why`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let queue = harness.queue()
                let id = try JobID(validating: "order-1")
                _ = try await queue.enqueue(Note(number: 1), id: id)
                let first = try #require(tracer.ended("send q").first)
                #expect(try await queue.enqueue(Note(number: 1), id: id).existed, "another span is no other request")
                #expect(try await queue.job(id)?.trace?.traceparent == first.traceparent)
                await #expect(throws: EnqueueError.conflict(id)) { try await queue.enqueue(Note(number: 2), id: id) }
                let refused = try #require(tracer.ended("send q").last)
                #expect(refused.text("error.type") == "conflict" && refused.status?.code == .error)
            }
        }
    }

    @Test func `a push without Redis ends its span with the error`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let error = QueueError(.notExecuted(.unavailable), message: "gone")
                let queue = harness.queue()
                let tracing = try #require(queue.tracing)
                let result: Result<Int, QueueError>
                do throws(QueueError) {
                    let jobs = [NewJob(type: "t", payload: [])]
                    result = .success(
                        try await queue.traced(jobs, by: tracing) { _ in
                            nil
                        } _: { _ throws(QueueError) in
                            throw error
                        })
                } catch { result = .failure(error) }
                #expect(throws: QueueError.self) { try result.get() }
                let send = try #require(tracer.ended("send q").first)
                #expect(send.text("error.type") == "not_executed.unavailable" && send.errors.count == 1)
            }
        }
    }

    @Test func `a call that settles many attempts counts and links them`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            try await withStore { harness in
                let queue = harness.queue()
                _ = try await queue.enqueue((0..<3).map { try NewJob(Note(number: $0)) })
                let jobs = try await harness.claim(3, from: queue)
                let tracing = try #require(WorkerTracing(harness.store.tracing))
                let attempts = jobs.map { job in
                    var attempt = FinishedAttempt(job, .completed(output: nil))
                    let span = tracing.process(job, from: queue.name, worker: "w")
                    attempt.span = span.context
                    tracing.end(span, .completed(output: nil), .success(nil), timedOut: false)
                    return attempt
                }
                let span = try #require(tracing.settle(attempts, in: queue.name))
                tracing.end(span, .success(try await queue.turn(settle: attempts.map(\.settlement), claim: nil)))
                let settle = try #require(tracer.ended("settle q").first)
                #expect(settle.number("messaging.batch.message_count") == 3 && settle.parentSpanID == nil)
                #expect(settle.linked == tracer.ended("process q").map(\.traceparent) && settle.status == nil)
                #expect(tracing.settle([], in: queue.name) == nil, "a turn that only claims has no span")
            }
        }
    }

    @Test func `without a tracer nothing is stored, and log lines name the trace of the push`() async throws {
        #expect(ProgramTracing() == nil && WorkerTracing(ProgramTracing()) == nil)
        let lines = RunLog()
        try await withStore { harness in
            let worker = worker(harness, logger: lines.logger()) {
                On(Note.self) { job, context in context.logger.info("note \(job.number)") }
            }
            let queue = harness.queue()
            let plain = try await queue.enqueue(Note(number: 1)).id
            let names = try await harness.command("HKEYS", harness.key("job:\(plain)")).array ?? []
            #expect(Set(names.compactMap(\.string)) == ["t", "p"])
            let context = TraceContext(traceparent: Self.parent)
            let traced = try NewJob(Note(number: 2), options: JobOptions(trace: context))
            _ = try await queue.enqueue(traced)
            try await running(worker) {
                for id in [plain, traced.id] { try await harness.waitFor(id, .completed) }
            }
        }
        let first = try #require(lines.all.first { $0.contains("note 1") })
        let second = try #require(lines.all.first { $0.contains("note 2") })
        #expect(!first.contains("trace_id"))
        let fields = try JSONSerialization.jsonObject(with: Data(second.utf8)) as? [String: Any]
        #expect(fields?["trace_id"] as? String == "4bf92f3577b34da6a3ce929d0e0e4736")
    }

    @Test func `an isolated process gets the trace of the push and the span of the attempt`() throws {
        let push = try #require(TraceContext(traceparent: Self.parent, tracestate: Self.state))
        let span = try #require(
            TraceContext(traceparent: "00-\(String(repeating: "a", count: 32))-00f067aa0ba902b7-01"))
        let facts = JobAttempt(id: .generate(), type: "t", queue: "q", token: "1:n", trace: push)
        let sent = try JSONEncoder().encode(IsolatedJob(facts, payload: [], worker: "w", span: span))
        let job = try JSONDecoder().decode(IsolatedJob.self, from: sent)
        #expect(job.facts?.trace == push && job.span == span.stored)
    }

    @Test func `a handler in another process runs below the span of its attempt`() async throws {
        let tracer = W3CTracer()
        try await withTracer(tracer) {
            let tracing = try #require(WorkerTracing(ProgramTracing()))
            let carried = InstrumentationSystem.tracer.withSpan("attempt") { _ in tracing.carried }
            try await tracing.below(try #require(carried)) {
                InstrumentationSystem.tracer.withSpan("inside") { _ in }
            }
            let attempt = try #require(tracer.ended("attempt").first)
            #expect(tracer.ended("inside").first?.parentSpanID == attempt.spanID)
        }
    }
}
