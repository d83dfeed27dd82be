// Measures how slowly a server sends: a pure value.

import MartletJobs

/// The lowest accepted speed.
struct SpeedRules: Equatable, Sendable {
    /// The time that a deadline allows beyond the time for its bytes.
    static let deadlineGrace = Duration.seconds(600)

    /// How long the server may send nothing.
    var silence: Duration
    /// The lowest average over each window of waiting, in bytes per second; 0 allows any.
    var slowest: Int64
    /// The window.
    var window: Duration
    /// The speed that determines the deadline from the received bytes, in bytes per second; 0 sets none.
    ///
    /// The announced size is not used: a server could announce a large one to gain days.
    var deadlineSpeed: Int64
}

extension SpeedRules {
    init(_ configuration: DownloadConfiguration) {
        self.init(
            silence: configuration.stallTimeout, slowest: configuration.minBytesPerSecond,
            window: configuration.minSpeedWindow, deadlineSpeed: configuration.deadlineBytesPerSecond)
    }
}

/// Measures a server by the time spent waiting for it.
///
/// Time that this side takes (speed limits, disk) never counts against the server. All times are from one monotonic
/// clock.
struct SpeedMonitor: Sendable {
    private let rules: SpeedRules
    private var waitsSince: Duration?
    /// The extra time for the response head, since the wait includes a TLS handshake.
    private var allowance: Duration
    private var body: Body?
    private var isTooSlow = false

    private struct Body {
        /// The total finished waits of the body.
        var waited = Duration.zero
        var bytes: Int64 = 0
        var windowWaited = Duration.zero
        var windowBytes: Int64 = 0
    }

    /// Begins with the wait for the response head.
    init(_ rules: SpeedRules, allowance: Duration, at now: Duration) {
        self.rules = rules
        self.allowance = allowance
        waitsSince = now
    }

    /// Starts the measurement of a body.
    mutating func beginBody() { body = Body() }

    /// Starts waiting for the next bytes.
    mutating func beginWaiting(at now: Duration) {
        waitsSince = now
        allowance = .zero
    }

    /// Ends the wait.
    mutating func endWaiting(bytes: Int, at now: Duration) {
        guard let since = waitsSince else { return }
        waitsSince = nil
        guard var body else { return }
        body.waited += now - since
        body.bytes += Int64(bytes)
        body.windowWaited += now - since
        body.windowBytes += Int64(bytes)
        if body.windowWaited >= rules.window {
            isTooSlow = isTooSlow || isBelow(body.windowBytes, in: body.windowWaited)
            body.windowWaited = .zero
            body.windowBytes = 0
        }
        self.body = body
    }

    /// The fault of a server that is too slow; `nil` while it is fast enough.
    func fault(at now: Duration) -> DownloadError? {
        let waiting = waitsSince.map { now - $0 } ?? .zero
        if waiting >= rules.silence + allowance, waitsSince != nil {
            return .stalled(after: rules.silence, "nothing")
        }
        guard let body else { return nil }
        let windowWaited = body.windowWaited + waiting
        if isTooSlow || (windowWaited >= rules.window && isBelow(body.windowBytes, in: windowWaited)) {
            return .tooSlow("less than \(rules.slowest) bytes a second over \(rules.window.components.seconds) s")
        }
        guard rules.deadlineSpeed > 0 else { return nil }
        let deadline = SpeedRules.deadlineGrace + .seconds(Double(body.bytes) / Double(rules.deadlineSpeed))
        guard body.waited + waiting >= deadline else { return nil }
        return .tooSlow("\(body.bytes) bytes in \(deadline.components.seconds) s, the deadline for so many")
    }

    private func isBelow(_ bytes: Int64, in time: Duration) -> Bool {
        Double(bytes) < Double(rules.slowest) * time.inSeconds
    }
}
