// A request as a handler sees it: caller, parameters, query and body, with access to queues and jobs.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// A request that is being handled.
struct Call: Sendable {
    var requestID: String
    var caller: Caller
    var route: Route
    /// Whether only the head of the response is asked for.
    var isHead = false
    var parameters: [String: String]
    var query: Query
    var headers: HTTPFields
    /// The address of the client, for limits.
    var address: ClientAddress
    /// The path as it was requested, without the prefix of a proxy.
    var path: String
    /// The body; empty when the route takes none.
    var body: Body = .none
    let store: JobStore
    /// The author of this call's changes in the audit trail; `nil` where it is no operator's action.
    var author: TrailAuthor?

    /// A body that has been read.
    enum Body: Sendable {
        case none
        case json(JSONText)
        case lines([UInt8])
    }

    /// Where in a trace the request is, by its headers.
    ///
    /// As W3C Trace Context says, a `traceparent` that is not valid is ignored, and so is a `tracestate`.
    var trace: TraceContext? {
        guard let parent = headers.value(of: .traceparent) else { return nil }
        return TraceContext(traceparent: parent, tracestate: headers.value(of: .tracestate))
            ?? TraceContext(traceparent: parent)
    }

    /// The JSON body; a missing one is a client error.
    func json() throws(HTTPProblem) -> JSONText {
        guard case .json(let text) = body else { throw .invalid("", "must be a JSON object") }
        return text
    }

    /// The fields of the JSON body, by the route's description; a missing body is a client error.
    func fields() throws(HTTPProblem) -> Fields {
        guard let shape = route.body.shape else { preconditionFailure("\(route.name) declares no body") }
        return Fields(try json(), shape)
    }

    /// The same where the body may be missing: `nil` then.
    func optionalFields() throws(HTTPProblem) -> Fields? {
        guard case .json = body else { return nil }
        return try fields()
    }

    /// Refuses any body on a route that takes none; an empty object is allowed.
    func takesNothing() throws(HTTPProblem) {
        var fields = try optionalFields()
        try fields?.done()
    }

    /// The only access to a queue: throws 403 when the caller's token has no access to it.
    func queue(_ name: QueueName) throws(HTTPProblem) -> Queue {
        guard caller.queues.matches(name) else {
            throw HTTPProblem(.forbidden, "the token has no access to queue \"\(name)\"")
        }
        return open(name)
    }

    /// A queue to which access was checked before; an operator's changes of it are recorded.
    func open(_ name: QueueName) -> Queue { store.queue(name).recorded(as: author) }

    /// The names of all queues that the caller's token has access to, sorted.
    func visibleQueues() async throws -> [QueueName] {
        try await store.queueNames().filter(caller.queues.matches)
    }

    /// The queue in the path.
    func queueInPath() throws(HTTPProblem) -> Queue {
        guard let name = parameters["queue"].flatMap({ QueueName($0) }) else {
            throw .invalid("?queue", QueueName.rule)
        }
        return try queue(name)
    }

    /// The queue in the query, if any.
    func queueInQuery() throws(HTTPProblem) -> Queue? {
        guard let name = try query.read(CommonParameter.queue) else { return nil }
        return try queue(name)
    }

    /// The job's id in the path.
    func id() throws(HTTPProblem) -> JobID {
        guard let id = parameters["id"].flatMap({ JobID($0) }) else {
            throw .invalid("?id", JobID.rule)
        }
        return id
    }

    /// The job in the path, in the queue of the query or in whichever queue has it.
    ///
    /// Throws 404 when none has it, 409 `ambiguous` when two have. Queues without access are not searched.
    func job() async throws -> (queue: Queue, job: JobRecord) {
        let id = try id()
        let (rows, damaged) = try await jobs([id])
        let found = rows[0]
        guard let first = found.first else {
            if let error = damaged.firstError { throw error }
            throw HTTPProblem.notFound("there is no job \(id)")
        }
        if found.count > 1 { throw HTTPProblem.ambiguous(id, found.map(\.queue)) }
        return (open(first.queue), first)
    }

    /// Whether the caller may read a job: any job of its queues, or only those pushed by its token.
    func sees(_ job: JobRecord) -> Bool { caller.seesAllJobs || job.owner == caller.name }

    /// The jobs per id that the caller may read, in the queue of the query or in all visible ones, and the queues that
    /// cannot be read.
    func jobs(_ ids: [JobID]) async throws -> (rows: [[JobRecord]], damaged: DamagedQueues) {
        if let queue = try queueInQuery() {
            return (try await queue.jobs(ids).map { job in job.map { sees($0) ? [$0] : [] } ?? [] }, DamagedQueues())
        }
        let names = try await visibleQueues()
        let (columns, damaged) = try await readEach(names) { queue throws(QueueError) in try await queue.jobs(ids) }
        return (ids.indices.map { row in names.compactMap { columns[$0]?[row] }.filter(sees) }, damaged)
    }
}

extension HTTPProblem {
    static func ambiguous(_ id: JobID, _ queues: [QueueName]) -> HTTPProblem {
        HTTPProblem(.ambiguous, "several queues have a job \(id); name one with ?queue=")
            .with("queues", .array(queues.map { .string($0.description) }))
    }
}
