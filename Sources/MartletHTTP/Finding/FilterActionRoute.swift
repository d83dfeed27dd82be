// POST /api/v1/jobs/actions with a filter.

import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    /// One step of a verb on all jobs that match a filter; with `dry_run` only their number and the first of them.
    func actOnMatching(_ call: Call, _ fields: inout Fields) async throws -> Reply {
        let action = try FilterAction(call, &fields)
        return try await page {
            var step = try await beforeWriting { try await FilterStep(call, action, self) }
            try await beforeWriting { try await step.find() }
            if !action.isDry { try await step.act() }
            return try await step.reply()
        }
    }
}

/// A step of an action on a filter.
private struct FilterStep {
    private let call: Call
    private let action: FilterAction
    private var finder: JobFinder
    private var jobs: [JobRecord] = []
    private var next: ListCursor?
    private var report = FilterReport()

    init(_ call: Call, _ action: FilterAction, _ api: API) async throws {
        self.call = call
        self.action = action
        let only = try action.queue.map { name throws(HTTPProblem) in try call.queue(name) }
        finder = try await JobFinder(call, action.filter, in: only, api)
    }

    /// Finds the jobs of this step, and throws 409 when another number was expected.
    mutating func find() async throws {
        let limit = action.isDry ? Int.max : FilterAction.most
        (jobs, next) = try await finder.find(after: action.cursor?.place, limit: limit)
        report.matched = jobs.count
        guard let expectation = action.expectation else { return }
        var total = (action.cursor?.matched ?? 0) + jobs.count
        var isAll = next == nil
        if action.cursor == nil, let place = next {
            // Nothing has been changed yet: what else can be counted within the budget of the call is counted.
            let more = try await finder.scan(after: place, limit: .max)
            total += more.jobs.count
            isAll = more.next == nil
        }
        // Later calls cannot take back what earlier ones have changed, so they only stop at too many.
        try expectation.check(total, isAll: isAll && action.cursor == nil)
    }

    /// Applies the verb to the jobs of this step.
    mutating func act() async throws {
        let filter = [(key: "filter", value: action.filter.recorded(in: action.queue))]
        let author = call.author?.adding(filter)
        for name in Set(jobs.map(\.queue)).sorted() {
            let queue = call.open(name).recorded(as: author)
            let ids = jobs.filter { $0.queue == name }.map(\.id)
            for part in ids.chunks(of: Queue.batchLimit) {
                do throws(QueueError) {
                    report.add(try await queue.changes(by: action.verb, Array(part)), Array(part))
                } catch {
                    throw WriteError(error: error, more: members(nextAt: action.cursor))
                }
            }
        }
    }

    /// The answer: numbers, the first jobs of a dry run, and where the next step begins.
    func reply() async throws -> Reply {
        let place = next.map { place in
            ActionCursor(
                digest: action.digest, matched: (action.cursor?.matched ?? 0) + report.matched, place: place)
        }
        var members = members(nextAt: place)
        members.append(("scanned", try await finder.scanned(isComplete: next == nil)))
        if action.isDry {
            let first = try await finder.whole(Array(jobs.prefix(FilterReport.most)))
            members.append(("jobs", .array(first.map { .job($0, brief: true) })))
        }
        return Reply(.members(members + finder.damaged.members(for: call.caller)))
    }

    private func members(nextAt place: ActionCursor?) -> [(key: String, value: JSONOutput)] {
        report.members(action.verb, isDry: action.isDry)
            + [("next_cursor", .cursor(place))]
    }
}
