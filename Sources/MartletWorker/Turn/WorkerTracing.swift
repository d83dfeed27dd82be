// The spans of a worker: one around each attempt, and one for each call that settles.

import MartletJobs
import MartletQueue
import Tracing

/// The tracer of a worker; a worker without one has none of these values.
struct WorkerTracing: Sendable {
    private let tracer: any Tracer
    private let instrument: any Instrument

    /// The tracer of the program; `nil` when there is none.
    init?(_ tracing: ProgramTracing?) {
        guard let tracing, !(tracing.tracer is NoOpTracer) else { return nil }
        (tracer, instrument) = (tracing.tracer, tracing.instrument)
    }

    /// Starts the span of an attempt: of a trace of its own, with a link to the push.
    func process(_ job: ClaimedJob, from queue: QueueName, worker: String) -> any Span {
        let span = tracer.startSpan("process \(queue)", context: .topLevel, ofKind: .consumer)
        var attributes = MessagingAttributes.of("process", type: "process", queue: queue, jobs: [job.id])
        attributes["messaging.client.id"] = worker
        attributes["martlet.job.type"] = job.type
        attributes["martlet.job.attempt"] = job.failures + 1
        span.attributes.merge(attributes)
        if let trace = job.trace { span.addLink(SpanLink(context: trace.context(by: instrument), attributes: [:])) }
        return span
    }

    /// Ends the span of an attempt.
    func end(_ span: any Span, _ outcome: Settlement.Outcome, _ result: Result<[UInt8]?, any Error>, timedOut: Bool) {
        defer { span.end() }
        guard let text = outcome.failure else { return }
        guard case .failure(let error) = result, !timedOut else { return span.fail("timeout", text) }
        span.recordError(error)
        span.fail(String(describing: Swift.type(of: error)), text)
    }

    /// Starts the span of a call that settles attempts; `nil` when it settles none.
    ///
    /// It belongs to the trace of a single attempt, and links to those of many.
    func settle(_ attempts: [FinishedAttempt], in queue: QueueName) -> (any Span)? {
        guard let first = attempts.first else { return nil }
        let isSingle = attempts.count == 1
        let parent = isSingle ? first.span : nil
        let span = tracer.startSpan("settle \(queue)", context: parent ?? .topLevel, ofKind: .client)
        span.attributes.merge(
            MessagingAttributes.of("settle", type: "settle", queue: queue, jobs: attempts.map(\.settlement.id)))
        guard !isSingle else { return span }
        for context in attempts.lazy.compactMap(\.span) { span.addLink(SpanLink(context: context, attributes: [:])) }
        return span
    }

    /// Ends the span of a call that settles attempts.
    func end(_ span: any Span, _ result: Result<TurnReply, QueueError>) {
        defer { span.end() }
        switch result {
        case .success(let reply):
            if reply.settled.verdicts.contains(.fenced) { span.fail("fenced", "another worker has the job") }
        case .failure(let error):
            span.recordError(error)
            span.fail(error.traced, error.description)
        }
    }

    /// The current span in the form that another process understands.
    var carried: TraceContext? { ServiceContext.current.flatMap { TraceContext(of: $0, by: instrument) } }

    /// Runs `body` below a span of another process.
    @concurrent
    func below<Value: Sendable>(
        _ carried: TraceContext, _ body: @concurrent @Sendable () async throws -> Value
    ) async throws -> Value {
        try await ServiceContext.$current.withValue(carried.context(by: instrument)) { try await body() }
    }
}

extension Settlement.Outcome {
    /// Why the attempt failed; `nil` when it did not.
    fileprivate var failure: String? {
        switch self {
        case .failed(_, let error), .failedForGood(let error), .crashed(_, let error), .postponed(_, let error): error
        case .completed, .released, .unknownType, .snoozed, .throttled: nil
        }
    }
}
