// The span of a push, and the trace context that its jobs get.

import MartletJobs
import Tracing

/// The producer's span of one push, of one job or of many.
struct SendSpan {
    /// The most jobs whose own contexts a span links to.
    private static let mostLinks = 128

    private let span: any Span
    private let instrument: any Instrument

    /// Starts the span: below the current one, or below that of the request that all jobs come from.
    init(_ jobs: [NewJob], to queue: QueueName, _ tracing: ProgramTracing) {
        let instrument = tracing.instrument
        self.instrument = instrument
        var own: [TraceContext] = []
        for case let trace? in jobs.lazy.map(\.trace) where own.count < Self.mostLinks && own.last != trace {
            own.append(trace)
        }
        let origin = own.count == 1 && jobs.allSatisfy { $0.trace != nil } ? own[0].context(by: instrument) : nil
        span = tracing.tracer.startSpan(
            "send \(queue)", context: ServiceContext.current ?? origin ?? .topLevel, ofKind: .producer)
        span.attributes.merge(MessagingAttributes.of("send", type: "send", queue: queue, jobs: jobs.map(\.id)))
        guard ServiceContext.current != nil || origin == nil else { return }
        // The context that a job brings along is its own and stays as it is, so the span points at it.
        for trace in own { span.addLink(SpanLink(context: trace.context(by: instrument), attributes: [:])) }
    }

    /// The jobs, each with a trace context: its own, or that of the span.
    func marked(_ jobs: [NewJob]) -> [NewJob] {
        guard let trace = TraceContext(of: span.context, by: instrument) else { return jobs }
        return jobs.map { job in
            guard job.trace == nil else { return job }
            var job = job
            job.trace = trace
            return job
        }
    }

    /// Ends the span; `refusal` is why a job was not pushed.
    func end(refusal: String?) {
        if let refusal { span.fail(refusal) }
        span.end()
    }

    /// Ends the span of a push that failed.
    func end(_ error: QueueError) {
        span.recordError(error)
        span.fail(error.traced, error.description)
        span.end()
    }
}

extension Queue {
    /// The tracer of the program; `nil` for none.
    package var tracing: ProgramTracing? { store.tracing }

    /// Pushes within a span.
    func traced<Value>(
        _ jobs: [NewJob], by tracing: ProgramTracing, refusal: (Value) -> String?,
        _ send: ([NewJob]) async throws(QueueError) -> Value
    ) async throws(QueueError) -> Value {
        let span = SendSpan(jobs, to: name, tracing)
        do throws(QueueError) {
            let value = try await send(span.marked(jobs))
            span.end(refusal: refusal(value))
            return value
        } catch {
            span.end(error)
            throw error
        }
    }
}

extension QueueError {
    /// The value of `error.type` in spans.
    package var traced: String {
        switch kind {
        case .notExecuted(let reason): "not_executed.\(reason.rawValue)"
        case .unknown: "unknown"
        case .refused: "refused"
        }
    }
}

extension EnqueueVerdict {
    /// The value of `error.type` in spans, when no job was pushed.
    var refusal: String? {
        switch self {
        case .created, .existing, .deleted: nil
        case .conflict: "conflict"
        case .uniqueKeyTaken: "unique_key_taken"
        case .tooHeavy: "too_heavy"
        case .invalid: "invalid"
        }
    }
}

extension AtomicEnqueueResult {
    /// The value of `error.type` in spans, when no job was pushed.
    var refusal: String? {
        guard case .refused(_, let verdict) = self else { return nil }
        return verdict.refusal
    }
}
