// The state machine that keeps a client connected: connect, serve, back off, stop. Pure.

/// Decides when to connect and how long to wait before the next attempt.
struct SupervisorMachine: ~Copyable {
    enum Event {
        case start
        case connected
        case failed
        /// A connection was lost; `lifetime` is how long it had existed.
        case lost(lifetime: Duration)
        case rested
        case stop
    }

    enum Action: Equatable {
        case connect
        /// Wait until the connection is lost.
        case serve
        case rest(Duration)
        case finish
    }

    private enum State { case idle, connecting, serving, resting, finished }

    /// A connection with a shorter life counts as a failed attempt.
    ///
    /// Otherwise a server that accepts and closes at once, or a replica that ends a connection on each write, would
    /// cause reconnects without delay.
    static let shortLife = Duration.seconds(1)

    private let base: Duration
    private let cap: Duration
    private var state = State.idle
    private var failures = 0

    init(base: Duration, cap: Duration) {
        self.base = base
        self.cap = cap
    }

    /// The action after `event`.
    ///
    /// - Parameter chance: a new random number from 0 to 1.
    mutating func handle(_ event: Event, chance: Double) -> Action {
        switch (state, event) {
        case (.finished, _), (_, .stop): return enter(.finished, .finish)
        case (.idle, .start), (.resting, .rested): return enter(.connecting, .connect)
        case (.connecting, .connected): return enter(.serving, .serve)
        case (.connecting, .failed): return rest(chance)
        case (.serving, .lost(let lifetime)):
            if lifetime >= Self.shortLife { failures = 0 }
            return rest(chance)
        case (_, .start), (_, .connected), (_, .failed), (_, .lost), (_, .rested):
            preconditionFailure("the supervisor got \(event) in state \(state)")
        }
    }

    private mutating func enter(_ next: State, _ action: Action) -> Action {
        state = next
        return action
    }

    /// Half of the delay is fixed and half random, so that clients of a restarted server reconnect spread out.
    private mutating func rest(_ chance: Double) -> Action {
        let doublings = min(failures, 20)
        failures += 1
        let pause = min(cap, base * (1 << doublings))
        return enter(.resting, .rest(pause / 2 + (pause / 2) * chance))
    }
}
