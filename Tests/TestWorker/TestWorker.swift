// A worker whose handlers do what none should: it is started by tests that look who survives.

import FoundationEssentials
import Logging
import MartletJobs
import MartletQueue
import MartletRedis
import MartletWorker

#if canImport(Glibc)
    import Glibc

    private let memoryLimit = __rlimit_resource_t(RLIMIT_AS.rawValue)
#elseif canImport(Musl)
    import Musl

    private let memoryLimit = RLIMIT_AS
#else
    import Darwin

    private let memoryLimit = RLIMIT_AS
#endif

/// What the tests push, in every shape that a handler of theirs needs.
struct Order: Job {
    typealias Output = Int
    static let name = "square"
    var side: Int
}

/// A job that saves where it is and is then run again.
struct Step: Job {
    typealias Output = String
    static let name = "step"
}

/// A job that says for good that it cannot be done.
struct AlwaysFailing: Job {
    static let name = "hopeless"
}

struct PermanentFailure: RetryAdvising, CustomStringConvertible {
    var retryAdvice: RetryAdvice { .never }
    var description: String { "there is no hope" }
}

@main
struct TestWorker {
    /// Arguments: URL of Redis, prefix, slots, `apart` where lost jobs run in processes of their own, `pushes` where the
    /// program pushes a job before its worker runs, `logs` where it logs to standard error, `stops-at-start` where it
    /// gets SIGTERM in the moment in which its worker starts.
    static func main() async throws {
        let words = CommandLine.arguments
        let (isLogging, stopsAtStart) = (words.contains("logs"), words.contains("stops-at-start"))
        let logger = Logger(label: "test") { label -> any LogHandler in
            if stopsAtStart { return SignallingHandler() }
            guard isLogging else { return SwiftLogNoOpLogHandler() }
            return StreamLogHandler.standardError(label: label)
        }
        var redis = try RedisConfiguration(url: words[1])
        // On a busy machine a reply may take long.
        (redis.commandTimeout, redis.connectTimeout) = (.seconds(30), .seconds(30))
        let store = JobStore(redis: redis, prefix: words[2], logger: logger)
        var configuration = WorkerConfiguration()
        configuration.pollInterval = .milliseconds(40)
        configuration.sweepInterval = .milliseconds(60)
        configuration.cancellationGrace = .milliseconds(300)
        configuration.isolatesLostJobs = words.contains("apart")
        guard let name = QueueName("q"), let gateName = QueueName("gate") else { return }
        let (queue, gate) = (store.queue(name), store.queue(gateName))
        let worker = Worker(store, queues: ["q": Int(words[3]) ?? 1], configuration: configuration, logger: logger) {
            OnRaw("poison") { _, _ in
                // Time enough for the bystanders to have begun.
                try await Task.sleep(for: .milliseconds(150))
                trap()
            }
            OnRaw("innocent") { _, _ in try await Task.sleep(for: .milliseconds(250)) }
            OnRaw("steady") { _, context in
                try await context.save(1)
                try await Task.sleep(for: .milliseconds(300))
            }
            OnRaw("gated") { _, context in
                try await context.save(1)
                // Whoever looks on opens the gate by a job in another queue.
                while try await gate.status()?.total ?? 0 == 0 { try await Task.sleep(for: .milliseconds(20)) }
            }
            OnRaw("teller", runsOn: .process) { _, context in context.logger.notice("told by the handler") }
            OnRaw("trap", runsOn: .process) { _, _ in trap() }
            OnRaw("deaf", runsOn: .process) { _, _ in
                while true { try? await Task.sleep(for: .seconds(1)) }
            }
            OnRaw("greedy", runsOn: .process) { _, _ in takeAllMemory() }
            OnRaw("killed", runsOn: .process) { _, _ in _ = kill(getpid(), SIGKILL) }
            On(Order.self, runsOn: .process) { order, context in
                context.progress(1, of: 2)
                return order.side * order.side
            }
            On(Step.self, runsOn: .process) { _, context in
                guard let step: Int = try context.checkpoint() else {
                    try await context.save(1)
                    throw JobOutcome.retry(after: .zero, reason: "once more")
                }
                return "went on from \(step)"
            }
            OnRaw("relay", runsOn: .process) { _, _ in
                _ = try await queue.enqueue(NewJob(type: "innocent", payload: []))
            }
            On(AlwaysFailing.self, runsOn: .process) { _, _ in throw PermanentFailure() }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.run() }
            if words.contains("pushes") { await pushFirst(to: queue) }
            group.addTask { try await worker.run() }
            try await group.next()
            group.cancelAll()
        }
    }

    /// What a program does that does not think of its other processes; says on standard error what came of it.
    private static func pushFirst(to queue: Queue) async {
        do { try await queue.enqueue(Order(side: 3)) } catch {
            let line = Array("push: \(error)\n".utf8)
            _ = write(2, line, line.count)
        }
    }

    private static func trap() {
        let none: [Int] = []
        print(none[words()])
    }

    /// As in a container whose limit is reached, but for who says no: here it is the allocator.
    private static func takeAllMemory() {
        var limit = rlimit(rlim_cur: 1 << 30, rlim_max: 1 << 30)
        _ = setrlimit(memoryLimit, &limit)
        var hoard: [[UInt8]] = []
        while true { hoard.append([UInt8](repeating: 1, count: 16 << 20)) }
    }

    private static func words() -> Int { CommandLine.arguments.count }
}

/// Sends SIGTERM to the program itself when the worker says that it starts, which is before its first claim.
private struct SignallingHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if event.message == "worker started" { _ = kill(getpid(), SIGTERM) }
    }
}
