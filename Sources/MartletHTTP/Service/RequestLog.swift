// The request log: one line and two metrics per request.

import CoreMetrics
import Logging
import MartletJobs
import Synchronization

/// Logs every request.
///
/// Bodies, queries and tokens are never logged.
struct RequestLog: Sendable {
    /// The logged fields of a request.
    struct Note: Sendable {
        var requestID: String
        var method: String
        /// The route template, never the path, which callers choose.
        var route = "unmatched"
        var caller = "-"
        var seesCauses = false
        /// Whether machines call the route all the time, so that only its errors are logged.
        var isPolled = false
        var status = 0
        /// What the limit of requests has left for the caller; not logged.
        var quota: RequestRate.Decision?
    }

    private let logger: Logger
    private let meters = HTTPMetrics()

    init(logger: Logger) { self.logger = logger }

    /// Writes the line of a request; that of a stream at its end, with how it went.
    func write(_ note: Note, took: Duration, stream: StreamRecord? = nil) {
        let method = Self.methods.contains(note.method) ? note.method : "OTHER"
        // How long a client listens says nothing of the server.
        meters.count(method: method, route: note.route, status: note.status, took: stream == nil ? took : nil)
        let level: Logger.Level = note.isPolled && note.status < 400 ? .debug : .info
        // Probes are many, and their lines are rarely wanted.
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "request_id": .string(note.requestID), "method": .string(method), "route": .string(note.route),
            "status": .stringConvertible(note.status), "caller": .string(note.caller),
            "duration_ms": .stringConvertible((took.inSeconds * 100_000).rounded() / 100),
        ]
        if let stream {
            metadata["bytes"] = .stringConvertible(stream.bytes)
            metadata["end"] = .string(stream.end.rawValue)
        }
        logger.log(level: level, "request", metadata: metadata)
    }

    /// Logs an error of a dependency that was reported to a client; at debug when the reader has gone.
    func trouble(_ what: String, _ note: Note, isRead: Bool) {
        let hasGone = isRead && ClientConnection.current?.isClosed ?? false
        logger.log(
            level: hasGone ? .debug : .warning, "store request failed",
            metadata: ["request_id": "\(note.requestID)", "error": "\(what)"])
    }

    /// Logs an unexpected error of the server.
    func bug(_ error: any Error, _ note: Note) {
        logger.error(
            "unexpected error",
            metadata: [
                "request_id": "\(note.requestID)", "route": "\(note.route)",
                "error": "\(String(reflecting: error))",
            ])
    }

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
}

/// The request metrics of a server; each is created once.
final class HTTPMetrics: Sendable {
    private struct Key: Hashable {
        var method: String
        var route: String
        var status: Int
    }

    private struct Pair: Sendable {
        var requests: Counter
        var seconds: Timer
    }

    private let pairs = Mutex<[Key: Pair]>([:])

    func count(method: String, route: String, status: Int, took: Duration?) {
        let pair = pairs.withLock { pairs in
            let key = Key(method: method, route: route, status: status)
            if let pair = pairs[key] { return pair }
            let pair = Pair(
                requests: Counter(
                    label: "martlet_http_requests_total",
                    dimensions: [("method", method), ("route", route), ("status", String(status))]),
                seconds: Timer(
                    label: "martlet_http_request_seconds", dimensions: [("method", method), ("route", route)]))
            pairs[key] = pair
            return pair
        }
        pair.requests.increment()
        if let took { pair.seconds.recordNanoseconds(Int64(took.inSeconds * 1e9)) }
    }
}
