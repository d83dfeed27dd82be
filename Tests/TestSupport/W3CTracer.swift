// A tracer that keeps its spans in memory and speaks W3C Trace Context, as exporting tracers do.

public import InMemoryTracing
public import Tracing

/// The tracer of swift-distributed-tracing for tests, with the headers of W3C Trace Context instead of its own.
public struct W3CTracer: Tracer {
    /// The spans.
    public let memory: InMemoryTracer

    /// Creates a tracer without spans.
    public init() {
        memory = InMemoryTracer(
            idGenerator: InMemoryTracer.IDGenerator(
                nextTraceID: { Self.digits(32) }, nextSpanID: { Self.digits(16) }))
    }

    /// The spans that have ended, of this kind of operation.
    public func ended(_ name: String) -> [FinishedInMemorySpan] {
        memory.finishedSpans.filter { $0.operationName == name }
    }

    /// Starts a span in memory.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        memory.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    /// Does nothing: the spans are in memory already.
    public func forceFlush() { memory.forceFlush() }

    /// Writes the headers of the context's span.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
        if let state = context.tracestate { injector.inject(state, forKey: "tracestate", into: &carrier) }
    }

    /// Reads the headers of a span.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-"), parts.count == 4
        else { return }
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: String(parts[1]), spanID: String(parts[2]), parentSpanID: nil)
        context.tracestate = extractor.extract(key: "tracestate", from: carrier)
    }

    private static func digits(_ count: Int) -> String {
        "1" + String((1..<count).map { _ in "0123456789abcdef".randomElement() ?? "0" })
    }
}

private enum TracestateKey: ServiceContextKey {
    typealias Value = String
}

extension ServiceContext {
    /// The `tracestate` of the context.
    public var tracestate: String? {
        get { self[TracestateKey.self] }
        set { self[TracestateKey.self] = newValue }
    }
}

extension FinishedInMemorySpan {
    /// The text of an attribute.
    public func text(_ name: String) -> String? {
        guard case .string(let text)? = attributes.get(name) else { return nil }
        return text
    }

    /// The number of an attribute.
    public func number(_ name: String) -> Int? {
        switch attributes.get(name) {
        case .int32(let number): Int(number)
        case .int64(let number): Int(number)
        default: nil
        }
    }

    /// The `traceparent` of the span.
    public var traceparent: String { "00-\(traceID)-\(spanID)-01" }

    /// The `traceparent` of each span that it links to.
    public var linked: [String] {
        links.compactMap(\.context.inMemorySpanContext).map { "00-\($0.traceID)-\($0.spanID)-01" }
    }
}
