// What the guide WritingAHandler shows.

import Logging
import Martlet
import ServiceLifecycle
import Synchronization

struct Greet: Job {
    static let name = "greet"
    var who: String
}

struct Import: Job {
    static let name = "import"
    var rows: Int
}

/// What a handler of mails depends on.
protocol MailTransport: Sendable {
    func send(_ template: String, to address: String) async throws
}

func serveMail(_ martlet: Martlet, _ transport: any MailTransport) async throws {
    struct MailHandler: JobHandler {
        let transport: any MailTransport

        func run(_ job: SendMail, context: JobContext) async throws -> Empty {
            try await transport.send(job.template, to: job.to)
            return Empty()
        }
    }

    let worker = Worker(martlet, queues: ["mail": 20, "default": 8]) {
        MailHandler(transport: transport)
        On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
    }
    try await worker.run()
}

func serveInAGroup(_ martlet: Martlet, _ worker: Worker, _ logger: Logger) async throws {
    let group = ServiceGroup(services: [martlet, worker], gracefulShutdownSignals: [.sigterm], logger: logger)
    try await group.run()
}

struct MailRefused: RetryAdvising {
    let code: Int
    var retryAdvice: RetryAdvice { code == 550 ? .never : .byPolicy }
}

func stopWhenAsked(_ rows: [Int], _ context: JobContext, handle: (Int) async throws -> Void) async throws {
    for row in rows {
        try context.checkStop()  // throws CancellationError when the job has to stop
        try await handle(row)
    }
}

func importRows(from first: Int, count: Int) async throws { print("rows \(first) to \(first + count)") }

func importer() -> Handlers {
    Handlers {
        On(Import.self) { job, context in
            var next: Int = try context.checkpoint() ?? 0
            while next < job.rows {
                try context.checkStop()
                try await importRows(from: next, count: 100)
                next += 100
                context.progress(Int64(next), of: Int64(job.rows))
                try await context.save(next)
            }
        }
    }
}

func runImages(_ picture: [UInt8], _ render: @escaping @Sendable ([UInt8]) async throws -> Void) async throws {
    let martlet = try await Martlet(.environment())
    let worker = Worker(martlet, queues: ["images": 4]) {
        OnRaw("thumbnail", runsOn: .process) { payload, context in try await render(payload) }
    }
    if Worker.runsOneJob { return try await worker.run() }  // what follows happens only in the first process
    _ = try await martlet.queue("images").enqueue(NewJob(type: "thumbnail", payload: picture))
    try await worker.run()
}

func handlersOfBytes(_ counter: Counter) -> Handlers {
    Handlers {
        OnRaw("hit", runsOn: .loop) { payload, context in counter.add(payload) }
    }
}

/// Counts calls.
final class Counter: Sendable {
    let count = Mutex(0)
    func add(_ payload: [UInt8]) { count.withLock { $0 += 1 } }
}

/// Stands for a tracing library's function.
func withSpan(_ name: String, _ body: (String) async throws -> Void) async throws { try await body(name) }

func traced() -> WorkerConfiguration {
    struct Traced: WorkerMiddleware {
        func around(_ context: JobContext, next: @concurrent @Sendable () async throws -> Void) async throws {
            try await withSpan(context.type) { _ in try await next() }
        }
    }
    var configuration = WorkerConfiguration()
    configuration.middleware = [Traced()]
    return configuration
}
