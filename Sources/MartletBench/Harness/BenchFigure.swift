// The figures that can be measured, by the names that the command line knows.

import ArgumentParser

/// What can be measured.
enum BenchFigure: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// What Redis allows: minimal scripts on one core, a ping-pong of two clients, one script call after another.
    case bound
    /// Pushes: in bulk, one by one, and by many tasks at once.
    case push
    /// Jobs that wait already, as fast as a worker runs them.
    case drain
    /// The time from a push to the start of its handler on an idle system.
    case latency
    /// The same at half of the possible load.
    case half
    /// What a job costs Redis at fixed rates.
    case rates
    /// Many jobs that fall due at the same instant.
    case scheduled
    /// What a waiting job takes in Redis.
    case memory
    /// Ten priorities instead of one.
    case priorities
    /// A drain from the top of a long queue.
    case backlog
    /// Two worker processes instead of one.
    case workers
    /// Push and drain with an append-only file that is synced every second.
    case aof
    /// `POST` of jobs to the HTTP server.
    case http
    /// Files from an origin on this machine.
    case download
    /// From the start of a worker process to its first job.
    case start

    /// The value by which the figure is judged.
    var headline: BenchMetric {
        switch self {
        case .latency, .half, .scheduled: .p99
        case .rates: .redisTime
        case .memory: .memory
        case .http: .requestsPerSecond
        case .download: .bytesPerSecond
        case .start: .milliseconds
        default: .jobsPerSecond
        }
    }
}
