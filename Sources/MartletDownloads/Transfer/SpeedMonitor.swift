// How slowly a server may send: a value that is told when bytes are waited for and when they come.

import MartletJobs

/// The slowest that a server may be.
struct SpeedRules: Equatable, Sendable {
    /// How long the deadline of a body lasts beyond the time that its bytes take.
    static let deadlineGrace = Duration.seconds(600)

    /// How long it may send nothing.
    var silence: Duration
    /// The lowest average over each window of waiting, in bytes a second; 0 allows any.
    var slowest: Int64
    /// The window.
    var window: Duration
    /// The speed that sets the deadline of a body by the bytes that have arrived, in bytes a second; 0 sets none.
    ///
    /// Not by the size that a server announces: a large one would buy it days.
    var deadlineSpeed: Int64
}

extension SpeedRules {
    init(_ configuration: DownloadConfiguration) {
        self.init(
            silence: configuration.stallTimeout, slowest: configuration.minBytesPerSecond,
            window: configuration.minSpeedWindow, deadlineSpeed: configuration.deadlineBytesPerSecond)
    }
}

/// Measures a server by the time that is spent in waiting for it.
///
/// What this side takes (its speed limits, its disk) never counts against the server. All times are of one clock that
/// does not go back.
struct SpeedMonitor: Sendable {
    private let rules: SpeedRules
    private var waitsSince: Duration?
    /// The wait for the head may take this much longer: a TLS handshake is part of it.
    private var allowance: Duration
    private var body: Body?
    private var isTooSlow = false

    private struct Body {
        /// The waits of the whole body that are over, and what they brought.
        var waited = Duration.zero
        var bytes: Int64 = 0
        var windowWaited = Duration.zero
        var windowBytes: Int64 = 0
    }

    /// Begins with the wait for the head.
    init(_ rules: SpeedRules, allowance: Duration, at now: Duration) {
        self.rules = rules
        self.allowance = allowance
        waitsSince = now
    }

    /// From now on a body is expected.
    mutating func beginBody() { body = Body() }

    /// The next bytes are waited for.
    mutating func beginWaiting(at now: Duration) {
        waitsSince = now
        allowance = .zero
    }

    /// They are here.
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

    /// What is wrong with the server's pace by now.
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
