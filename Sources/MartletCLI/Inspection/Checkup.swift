// The result of one check, of Redis, of a queue or of this machine.

import MartletHTTP

/// The result of one check.
struct Checkup: Sendable, Equatable {
    enum Result: String, Sendable {
        case good = "ok"
        /// Works, but not as it should in production.
        case warning
        case bad = "failed"
    }

    var name: String
    var result: Result
    /// What was found.
    var value: String
    /// What to do; empty when all is well.
    var advice: String
    /// Whether a server or a worker must not start like this.
    var refusesStart: Bool

    init(_ name: String, _ result: Result, _ value: String, _ advice: String = "", refusesStart: Bool = false) {
        self.name = name
        self.result = result
        self.value = value
        self.advice = result == .good ? "" : advice
        self.refusesStart = refusesStart && result == .bad
    }

    var json: JSON {
        .object([
            "check": .string(name), "result": .string(result.rawValue), "value": .string(value),
            "advice": .string(advice),
        ])
    }

    /// The check for everybody who may ask whether the server is ready: no names of queues, no values.
    var finding: ReadinessFinding {
        let isQueue = name.hasPrefix(QueueCheckup.namePrefix)
        return ReadinessFinding(
            name: isQueue ? "queue" : name, result: result.rawValue,
            advice: isQueue && result != .good ? "run martlet doctor" : advice)
    }
}
