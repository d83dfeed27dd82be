// The result of one check of Redis, a queue or this machine.

/// The result of one check.
package struct Checkup: Sendable, Equatable {
    /// The severity of a finding.
    package enum Result: String, Sendable {
        case good = "ok"
        /// Works, but is not recommended in production.
        case warning
        case bad = "failed"
    }

    /// The name of the check.
    package var name: String
    package var result: Result
    /// The finding.
    package var value: String
    /// What to do; empty when there is nothing to do.
    package var advice: String
    /// Whether the finding prevents a server or worker from starting.
    package var refusesStart: Bool

    package init(
        _ name: String, _ result: Result, _ value: String, _ advice: String = "", refusesStart: Bool = false
    ) {
        self.name = name
        self.result = result
        self.value = value
        self.advice = result == .good ? "" : advice
        self.refusesStart = refusesStart && result == .bad
    }
}
