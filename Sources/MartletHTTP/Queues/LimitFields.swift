// A limit in the body of a request: its values, and when an override or a pause ends.

import FoundationEssentials
import MartletJSON
import MartletJobs
import MartletQueue

/// The fields of limits.
enum LimitFields {
    static let concurrency = Field.integer(
        "concurrency", in: LimitName.concurrency,
        "The most weight of jobs that run at one time; `null` is unlimited, 0 lets none start.")
    static let count = Field.integer(
        "count", in: LimitName.count, "How many jobs may start in the time.", required: true)
    static let per = Field<Duration>(
        "per_seconds", .number(perSeconds), "The time in seconds, over which the starts are spread.", required: true
    ) { fields in
        if !fields.has("per_seconds") { fields.refuse("per_seconds", "is required: it \(perSeconds.rule)") }
        return fields.seconds("per_seconds", in: perSeconds)
    }
    static let burst = Field.integer(
        "burst", in: LimitName.count, "How many may start at once after a quiet time.", default: 1)
    static let rate = Field<LimitRate>(
        "rate", .object(rateShape), "How many jobs may start in a time; `null` is unlimited."
    ) { fields in
        guard var rate = fields.object("rate", rateShape) else { return nil }
        let (count, per, burst) = (rate.read(count), rate.read(per), rate.read(burst))
        fields.refuse(rate.close())
        guard let count, let per else { return nil }
        return LimitRate(count: count, per: per, burst: burst ?? 1)
    }
    static let until = Field<Date>(
        "until", .time,
        "When it ends by itself, by Redis' clock, at most 365 days ahead. Not together with `for_seconds`."
    ) { $0.time("until") }
    static let time = Field.seconds(
        "for_seconds", in: perSeconds, "How long it lasts. Without it and `until` it has no end.")

    static let rateShape = ObjectShape(body: "LimitRate", "How many jobs may start in a time.", [count, per, burst])
    static let shape = ObjectShape(
        body: "LimitChange",
        "A limit: concurrency, a rate, or both. `until` and `for_seconds` go only with `override=true`.",
        [concurrency, rate, until, time], rules: ShapeRule.notBoth("until", "for_seconds"))
    static let pause = ObjectShape(
        body: "LimitPauseChange", "A pause of a limit.", [PauseField.reason, until, time],
        rules: ShapeRule.notBoth("until", "for_seconds"))

    /// From a millisecond to a year.
    private static let perSeconds = 0.001...NewJob.Limit.delaySeconds

    /// The place in a request of a value that the queue refuses.
    static func pointer(_ what: String) -> String {
        switch what {
        case "name": "?key"
        case "count", "burst": "/rate/\(what)"
        case "per": "/rate/per_seconds"
        case "empty": ""
        default: "/\(what)"
        }
    }
}

/// When an override or a pause ends.
struct LimitEnd: Sendable {
    var until: Date?
    var time: Duration?

    /// Reads `until` or `for_seconds`.
    init(_ fields: inout Fields) {
        until = fields.read(LimitFields.until)
        time = fields.read(LimitFields.time)
        if fields.has(LimitFields.until), fields.has(LimitFields.time) {
            fields.refuse(LimitFields.until, "cannot be combined with for_seconds")
        }
    }
}

/// The parameters of the routes of limits.
enum LimitParameter {
    static let override = Parameter.flag(
        "override", "Whether the body counts in place of the base value, which stays; `reset` takes it back.",
        default: false)
    static let page: [any Described] = [CommonParameter.limit, CommonParameter.cursor]
}

/// A place in the list of limits: the last name of the page, in hexadecimal digits.
struct LimitCursor: LosslessStringConvertible {
    let name: String

    init(name: String) { self.name = name }

    /// Parses ``description``; `nil` for any other text.
    init?(_ description: String) {
        guard let bytes = Hex.bytes(description), let name = String(validating: bytes, as: UTF8.self),
            (1...200).contains(bytes.count)
        else { return nil }
        self.name = name
    }

    var description: String { Hex.text(of: name.utf8) }
}
