// The result of one check, of Redis, of a queue or of this machine.

/// The result of one check.
package struct Checkup: Sendable, Equatable {
    /// What a check can find.
    package enum Result: String, Sendable {
        case good = "ok"
        /// Works, but not as it should in production.
        case warning
        case bad = "failed"
    }

    /// What was looked at.
    package var name: String
    package var result: Result
    /// What was found.
    package var value: String
    /// What to do; empty when all is well.
    package var advice: String
    /// Whether a server or a worker must not start like this.
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
