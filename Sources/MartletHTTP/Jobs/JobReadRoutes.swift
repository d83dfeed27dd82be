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
        return Self.tagged(.job(job), call)
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
        let states = try call.query.read(Self.states)
        let type = try call.query.read(Self.type)
        let cursor = try call.query.read(CommonParameter.cursor).map { text in
            guard let cursor = ListCursor(text) else { throw HTTPProblem.unknownCursor }
            return cursor
        }
        var names = try await call.visibleQueues()
        let only = try call.queueInQuery()
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
                    states: states, type: type, after: after, limit: limit - jobs.count)
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
                "next_cursor": next.map { .string($0.description) } ?? .null,
            ]).adding(damaged.members(for: call.caller)))
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
    /// The type of the listed jobs.
    static let type = Parameter.text("type", "Only jobs of this type.")
    /// The states of the listed jobs.
    static let states = Parameter<Set<JobState>>(
        "state",
        .keywords([
            "type": "string",
            "pattern": .string({ "^(\($0))(,(\($0)))*$" }(JobState.allCases.map(\.rawValue).joined(separator: "|"))),
        ]), "Only jobs in these states, with commas between them.", example: "queued,active"
    ) { query throws(HTTPProblem) in
        guard let text = query["state"] else { return nil }
        var states: Set<JobState> = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let state = JobState(rawValue: String(word)) else {
                let all = JobState.allCases.map(\.rawValue).joined(separator: ", ")
                throw .invalid("?state", "must be some of \(all), separated by commas")
            }
            states.insert(state)
        }
        return states
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
