// The instrument that a program has set up, its trace contexts as jobs store them, and the names of attributes.

package import MartletJobs
package import Tracing

/// The instrument and the tracer that a program has set up, as they are when its store is created.
package struct ProgramTracing: Sendable {
    package let instrument: any Instrument
    package let tracer: any Tracer

    /// `nil` when none has been set up: then no push and no attempt looks for a trace.
    package init?() {
        instrument = InstrumentationSystem.instrument
        tracer = InstrumentationSystem.tracer
        if instrument is NoOpInstrument { return nil }
    }
}

extension TraceContext {
    /// The context as a job stores it; `nil` when the instrument does not speak W3C Trace Context, or there is no span.
    package init?(of context: ServiceContext, by instrument: any Instrument) {
        var headers: [String: String] = [:]
        instrument.inject(context, into: &headers, using: TraceHeaders())
        guard let parent = headers["traceparent"] else { return nil }
        let state = headers["tracestate"].flatMap { Self.isState($0) ? $0 : nil }
        self.init(traceparent: parent, tracestate: state)
    }

    /// The context as the instrument knows it: a parent or a link for spans.
    package func context(by instrument: any Instrument) -> ServiceContext {
        var headers = ["traceparent": traceparent]
        headers["tracestate"] = tracestate
        var context = ServiceContext.topLevel
        instrument.extract(headers, into: &context, using: TraceHeaders())
        return context
    }
}

/// The headers of a trace context, whatever case an instrument writes their names in.
private struct TraceHeaders: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into headers: inout [String: String]) {
        headers[key.lowercased()] = value
    }

    func extract(key: String, from headers: [String: String]) -> String? { headers[key.lowercased()] }
}

/// The attributes of spans, by the names of OpenTelemetry for messaging.
package enum MessagingAttributes {
    /// The attributes that every span has.
    ///
    /// - Parameters:
    ///   - name: the name of the operation; the span's name begins with it.
    ///   - type: the kind of operation, of those that OpenTelemetry lists.
    ///   - queue: the queue.
    ///   - jobs: the jobs; one is named, many are counted.
    package static func of(
        _ name: String, type: String, queue: QueueName, jobs: some Collection<JobID>
    ) -> SpanAttributes {
        var attributes: SpanAttributes = [
            "messaging.system": "martlet", "messaging.operation.name": .string(name),
            "messaging.operation.type": .string(type), "messaging.destination.name": .string(queue.description),
        ]
        if let id = jobs.first, jobs.count == 1 {
            attributes["messaging.message.id"] = id.description
        } else {
            attributes["messaging.batch.message_count"] = jobs.count
        }
        return attributes
    }
}

extension Span {
    /// Marks the span as failed.
    package func fail(_ type: String, _ message: String? = nil) {
        attributes["error.type"] = type
        setStatus(SpanStatus(code: .error, message: message.map { String($0.prefix(1000)) }))
    }
}
