// `martlet limit set` and `martlet limit pause`: values of a limit, and when an override or a pause ends.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import NIOHTTP1

extension LimitCommand {
    struct Configure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Set the whole base value of a limit, or what counts in its place.",
            discussion: """
                Give --concurrency, --rate, or both; what is left out is unlimited. With --override the base value stays and comes \
                back with "limit reset", or by itself after --for or --until.
                """)

        @OptionGroup var limit: LimitArguments
        @Option(
            parsing: .unconditional, help: "The most weight of jobs that run at one time.",
            transform: ValueRule.limitConcurrency.integer)
        var concurrency: Int?
        @Option(
            help: ArgumentHelp("How many jobs may start in a time: 100/1m, 5/1s.", valueName: "count/time"),
            transform: LimitRateOption.init(option:))
        var rate: LimitRateOption?
        @Option(
            parsing: .unconditional, help: "How many may start at once after a quiet time; 1 by default.",
            transform: ValueRule.limitBurst.integer)
        var burst: Int?
        @Flag(help: "Count in place of the base value, which stays.")
        var override = false
        @OptionGroup var end: LimitEndOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            guard concurrency != nil || rate != nil else {
                throw ValidationError("Give --concurrency, --rate, or both.")
            }
            guard burst == nil || rate != nil else { throw ValidationError("--burst goes only with --rate.") }
            guard override || end.isEmpty else { throw ValidationError("--for and --until go only with --override.") }
        }

        func run() async throws {
            let body = JSONValue.fields([
                "concurrency": concurrency.map(JSONValue.integer), "rate": rate?.json(burst: burst),
                "until": end.until.map(JSONValue.string), "for_seconds": end.time?.json,
            ])
            let query: [(String, String?)] = override ? [("override", "true")] : []
            let answer = try await client.withClient {
                try await $0.send(.PUT, limit.path, query: query, body: body).value
            }
            output.show(answer, first: LimitView.order)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Pause a limit: no job that names the key starts, running ones continue.",
            discussion: "A key needs no limit to be paused.")

        @OptionGroup var limit: LimitArguments
        @Option(help: "The reason, shown to others.", transform: ValueRule.pauseReason.text)
        var reason: String?
        @OptionGroup var end: LimitEndOptions
        @OptionGroup var client: ClientOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let body = JSONValue.fields([
                "reason": reason.map(JSONValue.string), "until": end.until.map(JSONValue.string),
                "for_seconds": end.time?.json,
            ])
            try await limit.post("pause", body: body, client, output)
        }
    }
}

/// When an override or a pause ends by itself.
struct LimitEndOptions: ParsableArguments {
    @Option(
        name: .customLong("for"), help: ArgumentHelp("How long it lasts.", valueName: "time"),
        transform: ValueRule.limitTime.time)
    var time: TimeSpan?
    @Option(help: ArgumentHelp("When it ends, in RFC 3339.", valueName: "time"), transform: ValueRule.limitUntil.text)
    var until: String?

    var isEmpty: Bool { time == nil && until == nil }

    func validate() throws {
        guard time == nil || until == nil else { throw ValidationError("Give --for or --until, not both.") }
    }
}

/// A rate as `COUNT/TIME`.
struct LimitRateOption: Sendable, Equatable {
    var count: Int
    var per: TimeSpan

    init(option text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw ValidationError("must be like 100/1m: a count, a slash and a time") }
        count = try ValueRule.limitCount.integer(String(parts[0]))
        per = try ValueRule.limitPer.time(String(parts[1]))
    }

    func json(burst: Int?) -> JSONValue {
        .fields([
            "count": .integer(count), "per_seconds": per.json, "burst": burst.map(JSONValue.integer),
        ])
    }
}
