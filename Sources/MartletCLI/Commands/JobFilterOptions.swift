// The filters of jobs on the command line, which the server applies.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import MartletQueue

/// Which jobs are meant, besides their queue.
struct JobFilterOptions: ParsableArguments {
    @Option(
        help: """
            queued, blocked, scheduled, retrying, active, paused, completed, failed or cancelled; several with commas.
            """,
        transform: ValueRule.states.text)
    var state: String?
    @Option(help: "Only this type.")
    var type: String?
    @Option(help: "Only jobs with this tag.", transform: ValueRule.tag.text)
    var tag: String?
    @Option(help: "Only jobs with this unique key.", transform: ValueRule.wantedKey.text)
    var uniqueKey: String?
    @Option(
        help: ArgumentHelp(
            "Only jobs pushed at this time or later: RFC 3339, or how long ago, such as 2h.", valueName: "time"))
    var createdAfter: PastMoment?
    @Option(
        help: ArgumentHelp(
            "Only jobs pushed before this time: RFC 3339, or how long ago, such as 2h.", valueName: "time"))
    var createdBefore: PastMoment?
    @Option(
        help: ArgumentHelp("Only jobs with an error of this fingerprint.", valueName: "fingerprint"),
        transform: ValueRule.errorFingerprint.text)
    var error: String?
    @Option(
        help: ArgumentHelp("Only jobs with this text in id, type, payload or error.", valueName: "text"),
        transform: ValueRule.searchedText.text)
    var search: String?
    @Option(
        help: ArgumentHelp(
            "Only jobs with this value in their payload, as in customer.id=4711; may be repeated.",
            valueName: "path=value"))
    var payload: [PayloadValue] = []

    /// The names and values of the filters, as the server knows them.
    private var pairs: [(name: String, value: String)] {
        let all: [(String, String?)] = [
            ("state", state), ("type", type), ("tag", tag), ("unique_key", uniqueKey),
            ("created_after", createdAfter?.text), ("created_before", createdBefore?.text), ("error", error),
            ("q", search),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    /// Whether no filter is set.
    var isEmpty: Bool { pairs.isEmpty && payload.isEmpty }

    /// The filter of an action.
    func json(queue: String?) -> JSONValue {
        var object = JSONObject()
        if let queue { object["queue"] = .string(queue) }
        for (name, value) in pairs { object[name] = .string(value) }
        var values = JSONObject()
        for item in payload { values[item.path] = .string(item.value) }
        if !payload.isEmpty { object["payload"] = .object(values) }
        return .object(object)
    }

    /// The parameters of a list.
    var query: [(String, String?)] {
        pairs.map { ($0.name, $0.value) } + payload.map { ("payload.\($0.path)", $0.value) }
    }
}

/// A value in a payload: `path=value`.
struct PayloadValue: ExpressibleByArgument, Sendable, Equatable {
    var path: String
    var value: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, PayloadCondition(String(parts[0]), equals: String(parts[1])) != nil else { return nil }
        (path, value) = (String(parts[0]), String(parts[1]))
    }
}

/// A time in RFC 3339, or how long ago it was.
struct PastMoment: ExpressibleByArgument, Sendable, Equatable {
    /// The time in RFC 3339.
    var text: String

    init?(argument: String) { self.init(argument, now: Date()) }

    init?(_ argument: String, now: Date) {
        if let seconds = Quantity.seconds(argument) {
            // Beyond the year 1 a time cannot be written.
            guard seconds < 60_000_000_000 else { return nil }
            text = now.addingTimeInterval(-seconds).formatted(Self.style)
        } else {
            let isTime = (try? Self.style.parse(argument)) ?? (try? Date.ISO8601FormatStyle().parse(argument))
            guard isTime != nil else { return nil }
            text = argument
        }
    }

    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
