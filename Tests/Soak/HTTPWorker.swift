// A worker over HTTP that runs the jobs of a run and writes down every start and end, as the other workers do.

import ArgumentParser
import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A worker process over HTTP; its journal is what the run is judged by.
struct WorkOverHTTPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "work-over-http", abstract: "Run jobs over HTTP.")

    @Option var servers: String
    @Option var journal: String
    @Option var queues: String

    func run() async throws {
        let worker = HTTPWorker(
            servers: servers.split(separator: ",").map(String.init),
            queues: queues.split(separator: ",").map(String.init), journal: try LineLog(journal))
        let group = ServiceGroup(
            services: [worker], gracefulShutdownSignals: [.sigterm], logger: Logger(label: "soak"))
        try await group.run()
    }
}

/// What servers say of a claim.
private struct Claim: Decodable, Sendable {
    struct Work: Decodable, Sendable {
        var id: String
        var payload: SoakJob
        var attempt: Int
        var claims: Int
    }

    var token: String
    var lease_seconds: Double
    var job: Work

    /// The token as Redis keeps it, which is what other workers write down.
    var stored: String { token.split(separator: "~").suffix(2).joined(separator: ":") }
}

private struct ClaimsAnswer: Decodable { var claims: [Claim]? }

private struct LeasesAnswer: Decodable {
    struct Lease: Decodable {
        var token: String
        var status: String
        var lease_seconds: Double?
    }

    var leases: [Lease]?
}

/// The worker: claims from whichever server answers, and keeps to its leases by its own clock.
private final class HTTPWorker: Service {
    typealias Instant = ContinuousClock.Instant

    private struct Held {
        var until: Instant
        var why: String?
        var task: Task<Void, Never>?
    }

    private static let slots = 6

    private let servers: [String]
    private let order: String
    private let name = "http-\(getpid())-\(monotonic())"
    private let journal: LineLog
    private let web = Web()
    private let turn = Atomic(0)
    private let held = Mutex<[String: Held]>([:])

    init(servers: [String], queues: [String], journal: LineLog) {
        self.servers = servers
        self.journal = journal
        let names = queues.map { "\"\($0)\"" }.joined(separator: ",")
        order = "\"queues\":[\(names)],\"types\":[\"soak\"],\"wait_seconds\":1,\"worker_id\":\"\(name)\""
    }

    func run() async throws {
        await withTaskGroup { group in
            group.addTask { await self.beat() }
            group.addTask { await self.journal.writeStalls() }
            while !Task.isShuttingDownGracefully { await claim() }
            // Jobs may finish for as long as a worker process lets them.
            let end = Instant.now + .seconds(2)
            while Instant.now < end, count > 0 { await nap(20) }
            held.withLock { Array($0.keys) }.forEach { stop($0, "shutdown") }
            while count > 0 { await nap(20) }
            group.cancelAll()
        }
        _ = await send(.DELETE, "/workers/\(name)", nil, tries: 2)
        await web.close()
    }

    private var count: Int { held.withLock { $0.count } }

    /// Sends a request to the servers in turn until one has answered.
    private func send(_ method: HTTPMethod, _ path: String, _ body: String?, tries: Int) async -> (Int, Data)? {
        for _ in 0..<tries {
            let server = servers[turn.load(ordering: .relaxed) % servers.count]
            let answer = await web.send(
                method, "\(server)/api/v1\(path)", body: body.map { Data($0.utf8) }, within: .seconds(3))
            if case .status(let status, let bytes) = answer, status != 503, status != 429 { return (status, bytes) }
            turn.add(1, ordering: .relaxed)
            await nap(50)
        }
        return nil
    }

    private func claim() async {
        let free = Self.slots - count
        guard free > 0 else { return await nap(20) }
        let sent = Instant.now
        guard let (status, bytes) = await send(.POST, "/claims", "{\(order),\"max\":\(free)}", tries: 1), status == 200
        else { return }
        for claim in (try? JSONDecoder().decode(ClaimsAnswer.self, from: bytes))?.claims ?? [] {
            let until = sent + .seconds(claim.lease_seconds)
            // An answer may come so late that others have the job.
            guard until > .now else { continue }
            held.withLock { $0[claim.token] = Held(until: until) }
            let task = Task { await self.run(claim) }
            held.withLock { $0[claim.token]?.task = task }
        }
    }

    private func stop(_ token: String, _ why: String) {
        held.withLock { held in
            guard held[token]?.why == nil else { return }
            held[token]?.why = why
            held[token]?.task?.cancel()
        }
    }
}

// MARK: - Jobs

extension HTTPWorker {
    private func run(_ claim: Claim) async {
        let job = claim.job
        journal.write("start", job.id, claim.stored, "\(getpid())", "\(monotonic())", "\(job.payload.n)")
        let end = await self.end(of: claim)
        journal.write("end", job.id, claim.stored, "\(getpid())", "\(monotonic())", end.how)
        if let (word, body) = end.report {
            _ = await send(.POST, "/claims/\(claim.token)/\(word)", body, tries: 100)
        }
        held.withLock { $0[claim.token] = nil }
    }

    private func end(of claim: Claim) async -> (how: String, report: (String, String)?) {
        let job = claim.job
        let clock = Instant.now + .milliseconds(job.payload.ms)
        while Instant.now < clock {
            if let why = held.withLock({ $0[claim.token]?.why }) {
                return ("stopped:\(why)", why == "leaseLost" ? nil : ("release", "{}"))
            }
            try? await Task.sleep(until: min(clock, .now + .milliseconds(100)))
        }
        switch job.payload.behaviour {
        case .once where job.attempt == 1, .never: return ("threw", ("fail", #"{"error":{"message":"soak"}}"#))
        case .later where job.claims == 1: return ("snoozed", ("snooze", #"{"delay_seconds":0.3}"#))
        default: return ("returned", ("complete", "{}"))
        }
    }

    /// Renews leases and learns of stops; what was not renewed in time is lost.
    private func beat() async {
        while !Task.isCancelled {
            let tokens = held.withLock { Array($0.keys) }
            let sent = Instant.now
            if !tokens.isEmpty {
                let list = tokens.map { "{\"token\":\"\($0)\"}" }.joined(separator: ",")
                let answer = await send(.POST, "/workers/\(name)/heartbeat", "{\"leases\":[\(list)]}", tries: 1)
                apply((try? JSONDecoder().decode(LeasesAnswer.self, from: answer?.1 ?? Data()))?.leases ?? [], sent)
            }
            for token in held.withLock({ $0.filter { $0.value.until <= .now }.map(\.key) }) { stop(token, "leaseLost") }
            await nap(300)
        }
    }

    private func apply(_ leases: [LeasesAnswer.Lease], _ sent: Instant) {
        for lease in leases {
            if let seconds = lease.lease_seconds {
                held.withLock { $0[lease.token]?.until = sent + .seconds(seconds) }
            }
            switch lease.status {
            case "cancel", "pause": stop(lease.token, lease.status)
            case "lost": stop(lease.token, "leaseLost")
            default: break
            }
        }
    }
}
