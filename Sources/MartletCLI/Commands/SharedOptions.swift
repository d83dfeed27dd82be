// Options shared by client commands: pages, waits, confirmation, and counts of results.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import MartletQueue

/// How much of a list is shown.
struct PageOptions: ParsableArguments {
    /// The meaning of `--all`, by which the reference knows the shared option.
    static let allMeaning = "Show all entries."

    @Option(parsing: .unconditional, help: "The most entries to show.")
    var limit = 50
    @Flag(help: ArgumentHelp(stringLiteral: PageOptions.allMeaning))
    var all = false
    @Option(help: "Continue a list from this cursor.")
    var cursor: String?

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit must be at least 1.") }
    }

    /// Checks the cursor, whose form differs between lists.
    func check(_ rule: ValueRule) throws {
        if let cursor { try rule.check(.string(cursor), of: "--cursor") }
    }

    /// The number of items to read.
    var count: Int { all ? .max : limit }

    /// Prints how to see the rest.
    func noteRest(_ cursor: String?, console: Console = .standard) {
        guard let cursor, !all else { return }
        console.note("There are more: --cursor '\(cursor)', or --all")
    }
}

/// How long to wait.
struct WaitOptions: ParsableArguments {
    @Option(name: .customLong("wait-seconds"), help: ArgumentHelp("How long --wait waits.", valueName: "time"))
    var time = TimeSpan(seconds: 3600)

    func validate() throws {
        guard time.seconds > 0, time.seconds <= NewJob.Limit.delaySeconds else {
            throw ValidationError("--wait-seconds must be above 0 and at most 365d.")
        }
    }

    var limit: Duration { .milliseconds(HumanReadable.whole(time.seconds * 1000)) }
}

/// `--yes`, for actions that cannot be undone.
struct ConsentOptions: ParsableArguments {
    /// The meaning of `--yes`, by which the reference knows the shared option.
    static let yesMeaning = "Do not ask for confirmation."

    @Flag(help: ArgumentHelp(stringLiteral: ConsentOptions.yesMeaning))
    var yes = false

    /// Asks for confirmation before changing more than one thing; without a terminal, `--yes` is required.
    func ask(_ verb: String, _ count: Int, _ things: String) throws {
        if count > 1 { try ask("\(verb) \(count) \(things)") }
    }

    /// Asks for confirmation of an irreversible action; without a terminal, `--yes` is required.
    func ask(_ question: String) throws {
        guard !yes else { return }
        guard Console.canAsk else {
            throw CommandFailure(.usage, "\(question)? Add --yes, as there is no terminal to ask")
        }
        Console.standard.note("\(question)? [y/N]")
        guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
            throw CommandFailure(.failed, "nothing done")
        }
    }
}

/// How many of several actions succeeded.
struct Tally: Equatable {
    var done = 0
    var failed = 0

    /// Throws unless all succeeded.
    func check() throws {
        guard failed > 0 else { return }
        throw CommandFailure(done > 0 ? .partial : .failed, "\(failed) of \(done + failed) failed")
    }
}
