// What the docstrings of jobs, handlers and workers show.

import Logging
import Martlet
import MartletTesting
import Testing

struct SendReceipt: Job {
    static let name = "send-receipt"
    static var defaults: JobDefaults { JobDefaults(queue: "mail", maxRetries: 5, timeout: .seconds(30)) }
    var order: Int
}

func describeJobs() {
    let defaults = JobDefaults(queue: "mail", priority: 10, maxRetries: 5, timeout: .seconds(30))
    let progress = JobProgress(completed: 25, total: 100, rate: 5)
    let metadata: JobMetadata = ["customer": "4711", "request_id": "r-1"]
    let keys: [LimitKey] = ["host:example.com", LimitKey("tenant:7", weight: 2)]
    print(defaults, progress, metadata, keys)
}

func nameJobs() throws {
    let id = try JobID(validating: "order-4711")
    let generated = JobID.generate()
    print(id, generated)
}

func waitBeforeRetries() {
    let policy = RetryPolicy.exponential(base: .seconds(5), cap: .seconds(3600), jitter: 0.2)
    let second = policy.delay(afterFailure: 2)  // 10 s ± 20 %
    print(second)
}

struct ReceiptHandler: JobHandler {
    let mail: any MailTransport

    func run(_ job: SendReceipt, context: JobContext) async throws -> Empty {
        try await mail.send("receipt", to: "order-\(job.order)@example.com")
        return Empty()
    }
}

func handleByClosures(
    isMailReady: @escaping @Sendable () -> Bool, render: @escaping @Sendable ([UInt8]) async throws -> Void
) -> Handlers {
    Handlers {
        On(Import.self) { job, context in
            var row = try context.checkpoint(as: Int.self) ?? 0
            while row < job.rows {
                try context.checkStop()
                row += 1
                context.progress(Int64(row), of: Int64(job.rows))
                if row % 1000 == 0 { try await context.save(row) }
            }
        }
        On(SendReceipt.self) { job, context in
            guard job.order > 0 else { throw JobOutcome.discard(reason: "no order \(job.order)") }
            guard isMailReady() else { throw JobOutcome.snooze(.seconds(60)) }
            context.logger.info("receipt sent")
        }
        On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
        OnRaw("thumbnail") { payload, context in try await render(payload) }
        OnRaw("echo", returning: { payload, _ in payload })
    }
}

func adviseRetries() -> any Error {
    struct MailRefused: RetryAdvising {
        var isPermanent: Bool
        var retryAdvice: RetryAdvice { isPermanent ? .never : .byPolicy }
    }
    return MailRefused(isPermanent: true)
}

func wrapAttempts() -> any WorkerMiddleware {
    struct Traced: WorkerMiddleware {
        func around(_ context: JobContext, next: @concurrent @Sendable () async throws -> Void) async throws {
            let start = ContinuousClock.now
            defer { context.logger.info("attempt took \(ContinuousClock.now - start)") }
            try await next()
        }
    }
    return Traced()
}

func configureWorkers() -> WorkerConfiguration {
    var configuration = WorkerConfiguration()
    configuration.grace = .seconds(60)
    configuration.health = WorkerHealth()
    return configuration
}

func probeWorkers(_ configuration: inout WorkerConfiguration) {
    let health = WorkerHealth()
    configuration.health = health
    let isAlive = health.isAlive()  // if false, restart the process
    let obstacle = health.obstacle  // nil while the worker claims jobs
    print(isAlive, obstacle as Any)
}

/// Stands for a database that a handler depends on.
protocol Database: Sendable {}

struct ReportHandler: JobHandler {
    let database: any Database
    func run(_ job: AwaitReport, context: JobContext) async throws -> Empty { Empty() }
}

func runWorkers(_ store: JobStore, _ database: any Database) async throws {
    let worker = Worker(store, queues: ["default": 8]) {
        On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
        ReportHandler(database: database)
    }
    try await worker.run()
}

func connect() async throws {
    let martlet = try await Martlet(.environment())
    try await martlet.queue("default").enqueue(Greet(who: "Ada"), priority: 5)
}

func configureClients() throws -> MartletConfiguration {
    var configuration = try MartletConfiguration(redisURL: "redis://127.0.0.1:6379", prefix: "shop")
    configuration.connectTimeout = .seconds(10)
    return configuration
}

@Test func `an attempt in a test resumes from its checkpoint`() async throws {
    let run = try TestRun(attempt: 2, checkpoint: 100)
    try await run.perform(ImportHandler(), Import(rows: 300))
    #expect(try run.checkpoint() == 300)
}

func refuseUnfitRedis() async throws {
    do {
        _ = try await Martlet(.environment())
    } catch MartletError.unfitRedis(let faults) {
        for fault in faults { print(fault) }
    }
}

func returnNothing() -> some JobHandler {
    struct GreetHandler: JobHandler {
        func run(_ job: Greet, context: JobContext) async throws -> Empty {
            context.logger.info("Hello, \(job.who)")
            return Empty()
        }
    }
    return GreetHandler()
}

func readFacts(_ context: JobContext) {
    let isRepeated = context.attempt > 1
    let fence = context.claims  // a store that keeps the largest one can refuse writes of an earlier claim
    print(isRepeated, fence)
}

func standIn() -> any JobRuntime {
    struct SilentRuntime: JobRuntime {
        var stopReason: StopReason? { nil }
        func report(_ progress: JobProgress) {}
        func save(checkpoint: [UInt8]) async throws {}
    }
    return SilentRuntime()
}

func isolateHandlers() -> some JobHandler {
    struct ReceiptRenderer: JobHandler {
        var runsOn: HandlerPlace { .process }  // a crash ends only the process of its job
        func run(_ job: SendReceipt, context: JobContext) async throws -> Empty { Empty() }
    }
    return ReceiptRenderer()
}

func checkIDs(_ text: String) {
    do {
        let id = try JobID(validating: text)
        print(id)
    } catch {
        print(error)  // the text, and the rule that it breaks
    }
}

func attachMetadata(_ job: inout NewJob, _ bytes: [UInt8]) throws {
    do {
        job.metadata = try JobMetadata(json: bytes)
    } catch .tooLarge(let count) {
        print("\(count) bytes are too many; at most \(JobMetadata.limit) are kept")
    }
}

func waitForServers() -> any Error {
    struct TooManyRequests: RetryAdvising {
        var retryAfter: Duration
        var retryAdvice: RetryAdvice { .after(retryAfter) }
    }
    return TooManyRequests(retryAfter: .seconds(30))
}

func saveAtShutdown(_ context: JobContext, _ row: Int) async throws {
    if context.stopReason == .shutdown {
        try await context.save(row)  // the next attempt continues from here
    }
}

func reportMistakes(_ worker: Worker) async throws {
    do {
        try await worker.run()
    } catch let error as WorkerError {
        print(error)  // what is wrong with the handlers or queues
    }
}

func shareHandlers(_ store: JobStore) -> Worker {
    let greetings = Handlers {
        On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
    }
    let worker = Worker(store, queues: ["default": 8]) {
        greetings
        OnRaw("echo", returning: { payload, _ in payload })
    }
    return worker
}

func chooseHandlers(_ mail: any MailTransport) -> Handlers {
    @HandlerBuilder func handlers(sendsMail: Bool) -> Handlers {
        On(Greet.self) { job, context in context.logger.info("Hello, \(job.who)") }
        if sendsMail { ReceiptHandler(mail: mail) }
    }
    return handlers(sendsMail: true)
}

func stopWithoutLease(_ context: JobContext, _ row: Int) async throws {
    do {
        try await context.save(row)
    } catch CheckpointError.leaseLost {
        return  // another worker has the job
    }
}
