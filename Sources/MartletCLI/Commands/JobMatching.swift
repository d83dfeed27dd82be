// `--all-matching`: a verb on all jobs that match filters, counted and confirmed first, then done step by step.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON
import Synchronization

/// How a verb is applied to all jobs that match.
struct MatchingOptions: ParsableArguments {
    @Flag(help: "All jobs that match the filters, instead of ids.")
    var allMatching = false
    @Flag(help: "Only count the jobs that match, and show the first of them; with --all-matching.")
    var dryRun = false
    @Option(
        help: ArgumentHelp(
            "Change nothing unless this many jobs match; with --all-matching.", valueName: "number"),
        transform: ValueRule.expectedCount.integer)
    var expectedCount: Int?
}

/// A verb of a command as the server's actions know it.
struct MatchingVerb: Sendable {
    var action: String
    var priority: Int?
    /// What is asked before it is done.
    var question: String

    init(_ action: String, priority: Int? = nil, question: String? = nil) {
        self.action = action
        self.priority = priority
        self.question = question ?? action.prefix(1).uppercased() + action.dropFirst()
    }
}

/// The numbers of all steps so far.
struct MatchingTotals: Sendable, Equatable {
    /// The most jobs and errors that are kept.
    static let most = 10

    var matched = 0
    var changed = 0
    var stopping = 0
    var unchanged = 0
    var refused = 0
    var jobs: [JSONValue] = []
    var errors: [JSONValue] = []

    /// Adds the answer to one step.
    mutating func add(_ answer: JSONValue) {
        matched += answer["matched"].int ?? 0
        changed += answer["changed"].int ?? 0
        stopping += answer["stopping"].int ?? 0
        unchanged += answer["unchanged"].int ?? 0
        refused += answer["refused"].int ?? 0
        jobs += (answer["jobs"].array ?? []).prefix(Self.most - jobs.count)
        errors += (answer["errors"].array ?? []).prefix(Self.most - errors.count)
    }

    /// The numbers for people and programs.
    var json: JSONValue {
        .fields([
            "matched": .integer(matched), "changed": .integer(changed), "stopping": .integer(stopping),
            "unchanged": .integer(unchanged), "refused": .integer(refused),
        ])
    }
}

/// One verb on all jobs that match.
struct MatchingRun: Sendable {
    let verb: MatchingVerb
    let filter: JSONValue
    let isDryRun: Bool
    let expectedCount: Int?
    let consent: ConsentOptions
    let output: OutputOptions

    func run(_ client: APIClient) async throws {
        if isDryRun { return show(dry: try await steps(client, isDry: true)) }
        guard !consent.yes else { return try await change(client, expected: expectedCount, tolerance: 0) }
        let question = "\(verb.question) all jobs that match"
        guard Console.canAsk else { return try consent.ask(question) }
        let count = try await steps(client, isDry: true).matched
        guard count > 0 else { return Console.standard.note("No job matches.") }
        try consent.ask("\(question): \(HumanReadable.count(count, "job"))")
        // Jobs come and go while a person reads.
        let tolerance = expectedCount == nil ? max(10, count / 10) : 0
        try await change(client, expected: expectedCount ?? count, tolerance: tolerance)
    }

    /// Changes the jobs and shows what was done; a signal stops after the current step.
    private func change(_ client: APIClient, expected: Int?, tolerance: Int) async throws {
        let totals = SharedTotals()
        var failure: (any Error)?
        do {
            let isComplete: Bool? = try await ProgramRun.untilInterrupted {
                _ = try await steps(client, expected: expected, tolerance: tolerance, into: totals)
                return true
            }
            if isComplete == nil { failure = CommandFailure(.partial, "interrupted; the other jobs are unchanged") }
        } catch { failure = error }
        let sum = totals.value
        if failure == nil || sum.matched > 0 { show(sum) }
        if let failure { throw failure }
        try Tally(done: sum.changed + sum.unchanged, failed: sum.refused).check()
    }

    /// Makes one step after the other until all jobs were looked at.
    private func steps(
        _ client: APIClient, isDry: Bool = false, expected: Int? = nil, tolerance: Int = 0,
        into totals: SharedTotals = SharedTotals()
    ) async throws -> MatchingTotals {
        let progress = SearchProgress()
        defer { progress.clear() }
        var cursor: String?
        repeat {
            let body = body(isDry: isDry, expected: expected, tolerance: tolerance, cursor: cursor)
            // A step that has begun is finished, so that its numbers are known.
            let step = Task { try await client.post("/api/v1/jobs/actions", body: body) }
            let answer = try await step.value
            let sum = totals.add(answer)
            progress.note(answer, done: isDry ? "\(sum.matched) match" : "\(sum.changed) changed")
            cursor = answer["next_cursor"].string
        } while cursor != nil && !Task.isCancelled
        return totals.value
    }

    private func body(isDry: Bool, expected: Int?, tolerance: Int, cursor: String?) -> JSONValue {
        .fields([
            "action": .string(verb.action), "priority": verb.priority.map { .integer($0) }, "filter": filter,
            "dry_run": isDry ? true : nil, "expected_count": expected.map { .integer($0) },
            "tolerance": expected != nil && tolerance > 0 ? .integer(tolerance) : nil,
            "cursor": cursor.map { .string($0) },
        ])
    }

    private func show(_ totals: MatchingTotals) {
        let names = ["matched", "changed", "stopping", "unchanged", "refused"]
        guard output.format == .table else {
            return output.show(totals.json.adding("errors", .array(totals.errors)), first: names)
        }
        output.show(totals.json, first: names)
        for error in totals.errors {
            Console.standard.note("\(error["id"].string ?? ""): \(error["error"].string ?? "")")
        }
    }

    private func show(dry totals: MatchingTotals) {
        let counted = JSONValue.fields(["matched": .integer(totals.matched), "dry_run": true])
        guard output.format == .table else { return output.show(counted.adding("jobs", .array(totals.jobs))) }
        output.show(counted)
        if !totals.jobs.isEmpty { output.show(totals.jobs, as: JobCommand.view) }
    }
}

/// Totals that a signal does not take away.
private final class SharedTotals: Sendable {
    private let totals = Mutex(MatchingTotals())

    var value: MatchingTotals { totals.withLock { $0 } }

    func add(_ answer: JSONValue) -> MatchingTotals {
        totals.withLock { totals in
            totals.add(answer)
            return totals
        }
    }
}
