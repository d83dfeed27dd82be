// A search for jobs over queues by name, within one budget.

import MartletJSON
import MartletJobs
import MartletQueue

/// A search of one request.
struct JobFinder {
    private let call: Call
    private let filter: JobFilter
    /// The queue that the request names.
    private let only: Queue?
    private let names: [QueueName]
    private var budget: ScanBudget
    private(set) var damaged = DamagedQueues()
    /// How many jobs had the id that was searched for.
    private var named: Int?

    /// Prepares a search of one queue, or of all queues that the caller sees.
    init(_ call: Call, _ filter: JobFilter, in only: Queue?, _ api: API) async throws {
        let isBody = call.route.body.shape != nil
        let settings = api.settings
        self.call = call
        self.filter = try await api.hidden.checked(filter, at: isBody ? "/filter/payload/" : "?payload.")
        self.only = only
        if let only {
            names = [only.name]
        } else {
            names = try await call.visibleQueues()
        }
        budget = ScanBudget(records: settings.searchLimit, time: settings.searchTime)
    }

    /// The first jobs that match, or the next ones: those whose id the filter's text is, or else what a scan finds.
    mutating func find(
        after cursor: ListCursor?, limit: Int
    ) async throws -> (jobs: [JobRecord], next: ListCursor?) {
        guard cursor == nil, let jobs = try await jobsByID() else { return try await scan(after: cursor, limit: limit) }
        named = jobs.count
        return (jobs, nil)
    }

    /// The jobs whose id the filter's text is, if they match; `nil` when no job has the id, so that it is searched for.
    private mutating func jobsByID() async throws -> [JobRecord]? {
        guard let id = filter.exactID else { return nil }
        let (found, damaged) = try await call.readEach(names) { queue throws(QueueError) in try await queue.job(id) }
        if only != nil, let error = damaged.firstError { throw error }
        self.damaged = damaged
        let jobs = names.compactMap { found[$0] ?? nil }
        return jobs.isEmpty ? nil : jobs.filter(filter.accepts(named:))
    }

    /// The next jobs that match, with the fields that the filter needs, and where the search goes on.
    mutating func scan(
        after cursor: ListCursor?, limit: Int
    ) async throws -> (jobs: [JobRecord], next: ListCursor?) {
        var jobs: [JobRecord] = []
        for name in names where cursor.map({ $0.queue <= name }) ?? true {
            let after = cursor?.queue == name ? cursor?.place : nil
            do throws(QueueError) {
                let found = try await call.store.queue(name).scan(
                    filter, after: after, limit: limit - jobs.count, &budget)
                jobs += found.jobs
                if let place = found.next { return (jobs, ListCursor(queue: name, place: place)) }
            } catch {
                guard only == nil else { throw error }
                try damaged.add(name, error)
            }
            guard budget.isSpent, let next = names.first(where: { $0 > name }) else { continue }
            return (jobs, ListCursor(queue: next, place: nil))
        }
        return (jobs, nil)
    }

    /// All fields of jobs that were found.
    func whole(_ jobs: [JobRecord]) async throws -> [JobRecord] {
        // Those that were read by their id are whole.
        guard named == nil else { return jobs }
        var whole: [JobRecord] = []
        for name in names {
            let found = jobs.filter { $0.queue == name }
            whole += try await call.store.queue(name).whole(found, by: filter)
        }
        return whole
    }

    /// What was looked at, of how many, and whether that was all.
    func scanned(isComplete: Bool) async throws -> JSONOutput {
        let indexes = Set(filter.sections.joined())
        let (statuses, _) = try await call.readEach(names) { queue throws(QueueError) in try await queue.status() }
        let all = statuses.values.compactMap { $0 }.reduce(0) { sum, status in
            indexes.reduce(sum) { $0 + (status.jobs[$1] ?? 0) }
        }
        return .object([
            "examined": .int(named ?? budget.examined), "of": .int(all), "complete": .bool(isComplete),
        ])
    }

    /// The description of ``scanned(isComplete:)``.
    static let scannedShape = ObjectShape(
        "Scanned", "How far a search came in this call.",
        [
            .always("examined", .count, "How many jobs this call has looked at."),
            .always("of", .count, "How many jobs there are in the states and queues that are searched."),
            .always("complete", .flag, "Whether the search is at its end; otherwise it goes on at `next_cursor`."),
        ])
}
