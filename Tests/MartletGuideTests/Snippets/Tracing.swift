// The code of the article Tracing.

import Martlet
import Tracing

func traceAPush(_ tracer: any Tracer) async throws {
    InstrumentationSystem.bootstrap(tracer)
    let martlet = try await Martlet(.environment())
    try await InstrumentationSystem.tracer.withSpan("checkout") { _ in
        _ = try await martlet.queue("mail").enqueue(SendMail(to: "ada@example.com", template: "receipt"))
    }
}
