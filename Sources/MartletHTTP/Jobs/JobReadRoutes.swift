// GET /api/v1/jobs and /api/v1/jobs/{id}.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue
import ServiceLifecycle

extension API {
    /// A job; with `wait`, once it has finished or after the limit.
    func getJob(_ call: Call) async throws -> Reply {
        let wait = try call.query.read(Self.wait, settings)
        let (queue, found) = try await call.job()
        var job = found
        if let wait, wait > 0, !job.state.isFinal {
            let limit = Duration.milliseconds(Int64(wait * 1000))
            let (started, place) = (job, queue)
            let last = try await waits.hold(for: call.caller) { try await final(started, place, within: limit) }
            guard let last else { throw HTTPProblem.notFound("job \(job.id) has finished and is no longer kept") }
            job = last
        }
        return Self.tagged(.job(job.shown(try await hidden.fields())), call)
    }

    /// Waits for a job to finish; a server shutdown or the client's disconnect ends the wait early.
    private func final(_ job: JobRecord, _ queue: Queue, within limit: Duration) async throws -> JobRecord? {
        do {
            return try await cancelWhenGracefulShutdown {
                try await ClientConnection.whileConnected(until: .stopped) {
                    try await queue.waitUntilFinal(job.id, within: limit)
                }
            }
        } catch  where error is CancellationError || Task.isShuttingDownGracefully || Self.hasStopped {
            // Includes a read that the end of the wait cancelled.
            return job
        }
    }

    private static var hasStopped: Bool { ClientConnection.current?.hasStopped ?? false }

    /// A response with an entity tag; 304 when the client has that version.
    static func tagged(_ json: JSONOutput, _ call: Call) -> Reply {
        let bytes = json.bytes
        return tagged(Reply(bytes, type: "application/json"), RequestDigest.of(bytes), call)
    }

    /// The same with the digest of the response.
    static func tagged(_ reply: Reply, _ digest: String, _ call: Call) -> Reply {
        let tag = "\"\(digest)\""
        let held = call.headers.value(of: .ifNoneMatch)?.split(separator: ",").map { word in
            let word = word.trimmingPrefix { $0 == " " }
            return word.hasPrefix("W/") ? String(word.dropFirst(2)) : String(word)
        }
        guard held?.contains(where: { $0 == tag || $0 == "*" }) ?? false else { return reply.with(.eTag, tag) }
        var unchanged = Reply([], type: reply.contentType, status: .notModified).with(.eTag, tag)
        unchanged.cacheControl = reply.cacheControl
        return unchanged
    }

    /// A page of jobs: of one queue, or of all visible queues by name.
    func listJobs(_ call: Call) async throws -> Reply {
        let limit = try call.query.read(CommonParameter.limit) ?? 50
        let filter = try call.query.filter()
        let cursor = try call.query.cursor(ListCursor.self)
        let only = try call.queueInQuery()
        guard !filter.readsJobs else { return try await findJobs(call, filter, in: only, after: cursor, limit) }
        var names = try await call.visibleQueues()
        if let only { names = [only.name] }
        if let cursor { names.removeAll { $0 < cursor.queue } }
        var jobs: [JobRecord] = []
        var next: ListCursor?
        var damaged = DamagedQueues()
        for name in names {
            let after = cursor?.queue == name ? cursor?.place : nil
            let page: JobPage
            do throws(QueueError) {
                page = try await call.store.queue(name).list(
                    states: filter.states, after: after, limit: limit - jobs.count)
            } catch {
                guard only == nil else { throw error }
                try damaged.add(name, error)
                continue
            }
            jobs += page.jobs
            if let place = page.next {
                next = ListCursor(queue: name, place: place)
                break
            }
            if jobs.count == limit {
                next = names.first { $0 > name }.map { ListCursor(queue: $0, place: nil) }
                break
            }
        }
        return Reply(
            .object([
                "jobs": .array(jobs.map { .job($0, brief: true) }),
                "next_cursor": .cursor(next),
            ]).adding(damaged.members(for: call.caller)))
    }

    /// A page of the jobs that match a filter, within the budget of one call.
    private func findJobs(
        _ call: Call, _ filter: JobFilter, in only: Queue?, after cursor: ListCursor?, _ limit: Int
    ) async throws -> Reply {
        var finder = try await JobFinder(call, filter, in: only, self)
        let (found, next) = try await finder.find(after: cursor, limit: limit)
        let jobs = try await finder.whole(found)
        return Reply(
            .object([
                "jobs": .array(jobs.map { .job($0, brief: true) }),
                "next_cursor": .cursor(next),
                "scanned": try await finder.scanned(isComplete: next == nil),
            ]).adding(finder.damaged.members(for: call.caller)))
    }

    /// How long a job is waited for.
    static let wait = LimitedParameter<Double>(
        property: Property(
            name: "wait", schema: .limited { .number(0...$0.longestWait.inSeconds) },
            about: "Seconds to wait until the job has finished; the answer is the job as it stands then.",
            standard: .integer(0))
    ) { query, settings throws(HTTPProblem) in
        try query.number("wait", in: 0...settings.longestWait.inSeconds)
    }
}

/// A position in a listing that may span several queues.
struct ListCursor: LosslessStringConvertible {
    var queue: QueueName
    var place: JobCursor?

    init(queue: QueueName, place: JobCursor?) {
        self.queue = queue
        self.place = place
    }

    init?(_ description: String) {
        let parts = description.split(separator: "!", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let queue = QueueName(String(parts[0])) else { return nil }
        self.queue = queue
        guard !parts[1].isEmpty else { return }
        guard let place = JobCursor(String(parts[1])) else { return nil }
        self.place = place
    }

    var description: String { "\(queue)!\(place?.description ?? "")" }
}
