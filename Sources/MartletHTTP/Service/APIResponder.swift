// The path of every request: authenticate, authorise, read, handle, log.

import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import MartletJSON
import MartletJobs
import MartletQueue
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// The context of a request's connection.
struct Connection: InitializableFromSource, Sendable {
    let address: ClientAddress

    init(source: ApplicationRequestContextSource) {
        address = ClientAddress(source.channel.remoteAddress?.ipAddress ?? "")
    }
}

/// Responds to every request; errors become problem documents.
struct APIResponder: HTTPResponder {
    typealias Context = Connection

    private let api: API
    private let authenticator: Authenticator
    private let matcher: RouteMatcher
    private let isForProbes: Bool
    private let connections: ConnectionTable
    private let requestLog: RequestLog
    private let bodies: ByteBudget
    private let prefix: PathPrefix
    private let compression: ReplyCompression
    private let crossOrigin: CrossOrigin
    private let limiter: RequestLimiter?
    private let recorder: Recorder

    /// Creates a responder for all routes, or for those of probes.
    init(
        api: API, authenticator: Authenticator, isForProbes: Bool = false, routes: [Route] = Route.all,
        connections: ConnectionTable, logger: Logger
    ) {
        self.api = api
        self.authenticator = authenticator
        self.connections = connections
        self.isForProbes = isForProbes
        matcher = RouteMatcher(isForProbes ? Route.probes : routes + Route.pages)
        requestLog = RequestLog(logger: logger)
        bodies = ByteBudget(limit: api.settings.bodyBudget)
        prefix = PathPrefix(text: api.settings.pathPrefix)
        limiter = api.limiter
        crossOrigin = CrossOrigin(api.settings.corsOrigins)
        compression = ReplyCompression(isOn: api.settings.compressesAnswers)
        recorder = Recorder(store: api.store, settings: api.settings)
    }

    func respond(to request: Request, context: Connection) async throws -> Response {
        let start = ContinuousClock.now
        var note = RequestLog.Note(requestID: Self.requestID(request.headers), method: request.method.rawValue)
        var reply: Reply
        do {
            reply = try await answer(request, context, &note)
            if compression.concerns(reply, request.method) {
                reply = await compression.applied(to: reply, request.head)
            }
            if !reserveMemory(for: reply, request.method, isOwed: request.method != .get) {
                throw HTTPProblem.answersFull
            }
        } catch {
            let problem = self.problem(error, request, note)
            let instance = prefix.text + prefix.removed(from: request.uri.path)
            let body = problem.body(instance: instance, requestID: note.requestID, prefix: prefix.text)
            reply = Reply(body, problem)
            _ = reserveMemory(for: reply, request.method, isOwed: true)
        }
        if let limiter, let quota = note.quota { limiter.add(quota, to: &reply.headers) }
        crossOrigin.add(crossOrigin.allowed(request.head), to: &reply.headers)
        note.status = reply.status.code
        let isHead = request.method == .head
        if reply.stream != nil { ClientConnection.current?.nextAnswer = isHead ? .headOfStream : .stream }
        guard let source = reply.stream, !isHead else {
            requestLog.write(note, took: ContinuousClock.now - start)
            return response(reply, note.requestID, body: isHead ? Self.emptyBody(of: reply) : nil)
        }
        return response(reply, note.requestID, body: streamed(source, note, since: start))
    }

    /// The body of a stream; its request is logged when it ends.
    private func streamed(
        _ source: any ReplySource, _ note: RequestLog.Note, since start: ContinuousClock.Instant
    ) -> ResponseBody {
        let (stream, requestLog) = (ReplyStream(source: source, connections: connections), requestLog)
        return ResponseBody { writer in
            var record = StreamRecord()
            defer { requestLog.write(note, took: ContinuousClock.now - start, stream: record) }
            try await stream.send(to: &writer, &record)
            try await writer.finish(nil)
        }
    }

    /// The body of a response to `HEAD`; that of a stream has no length that could be told.
    private static func emptyBody(of reply: Reply) -> ResponseBody {
        guard reply.stream != nil else { return ResponseBody() }
        return ResponseBody { writer in try await writer.finish(nil) }
    }

    private func answer(
        _ request: Request, _ context: Connection, _ note: inout RequestLog.Note
    ) async throws -> Reply {
        let path = prefix.removed(from: request.uri.path)
        let match = matcher.match(path)
        if let match { note.route = match.path.template }
        if Task.isShuttingDownGracefully { throw HTTPProblem.shuttingDown }
        if request.method == .options { return try options(request, match) }
        let found = Result { () throws(HTTPProblem) in try Self.route(request.method, match) }
        let isPublic = (try? found.get()).map { $0.isPublic && $0.isRead } ?? false
        // Public routes may use any host name, or none in HTTP/1.0; a probe listener reveals nothing else.
        let needsNoHost = isPublic && (authenticator.isOpen ? isForProbes || request.head.authority == nil : true)
        if !needsNoHost {
            try authenticator.checkOrigin(request.head, isAllowed: crossOrigin.allowed(request.head) != nil)
        }
        let route = try found.get()
        note.isPolled = route.isPolled
        let caller = try self.caller(of: request, context, route)
        note.caller = caller.name
        note.seesCauses = caller.seesCauses
        let query = Result { () throws(HTTPProblem) in
            try Query(request.uri.queryParameters.map { ($0.key, $0.value) }, known: route.query)
        }
        var call = Call(
            requestID: note.requestID, caller: caller, route: route, isHead: request.method == .head,
            parameters: match?.parameters ?? [:],
            query: (try? query.get()) ?? .none(known: route.query),
            headers: request.headers, address: context.address, path: path, store: api.store)
        call.author = recorder.author(route, caller, note.requestID, request.headers, context.address)
        do { try Self.admit(caller, route) } catch {
            await recorder.refuse(call.author, call, error)
            throw error
        }
        if let limiter, route.isLimited {
            let quota = limiter.take(caller.name)
            note.quota = quota
            guard quota.isAllowed else { throw limiter.refusal(quota) }
        }
        call.query = try query.get()
        let admitted = call
        guard route.isLarge else { return try await finish(admitted, request) }
        // Reading ten thousand jobs takes long; the connection's event loop must serve others meanwhile.
        return try await withTaskExecutorPreference(globalConcurrentExecutor) {
            try await finish(admitted, request)
        }
    }

    /// Reads the body and handles the request.
    private func finish(_ call: Call, _ request: Request) async throws -> Reply {
        var call = call
        var share = BodyShare(bodies)
        call.body = try await RequestBodyReader(settings: api.settings).read(
            request, rule: call.route.body, share: &share)
        let finished = call
        // A write that has begun is finished; a read without a reader is cancelled.
        let handler = call.route.handler
        let reply =
            call.route.isRead
            ? try await ClientConnection.whileConnected(until: .closed) { [api] in try await handler(api, finished) }
            : try await recorder.run(finished) { try await handler(api, finished) }
        // The handler may hold the body until here.
        _ = consume share
        return reply
    }

    /// The methods of a path; public.
    private func options(_ request: Request, _ match: RouteMatcher.Match?) throws(HTTPProblem) -> Reply {
        let methods = request.head.path == "*" ? matcher.allowedAnywhere : match?.path.allowed
        guard let methods else { throw .nothingHere }
        return crossOrigin.answer(request.head, methods: methods)
            ?? Reply([], type: "", status: .noContent).with(.allow, methods)
    }

    /// The route of a method at a path; throws 404 where there is no path, 405 where it has no such method.
    private static func route(
        _ method: HTTPRequest.Method, _ match: RouteMatcher.Match?
    ) throws(HTTPProblem) -> Route {
        guard let match else { throw .nothingHere }
        return try match.path.route(method)
    }

    /// Reserves memory for a large response; false when too many are unread.
    private func reserveMemory(for reply: Reply, _ method: HTTPRequest.Method, isOwed: Bool) -> Bool {
        guard reply.bytes.count >= RequestGuard.largeAnswer, method != .head, let link = ClientConnection.current else {
            return true
        }
        return connections.reserve(for: reply.bytes.count, on: link, isOwed: isOwed)
    }

    /// The caller of a route.
    private func caller(of request: Request, _ context: Connection, _ route: Route) throws(HTTPProblem) -> Caller {
        guard !route.isPublic else { return publicCaller(request, context) }
        return try authenticator.caller(of: request.head, from: context.address)
    }

    /// Refuses a caller that the route table does not allow.
    private static func admit(_ caller: Caller, _ route: Route) throws(HTTPProblem) {
        guard let roles = route.roles else { return }
        guard caller.has(anyOf: roles) else {
            let needed = roles.union([.admin]).map(\.rawValue).sorted().joined(separator: ", ")
            throw HTTPProblem(.forbidden, "this needs one of the roles \(needed)")
        }
        switch route.scope {
        case .all where !caller.queues.isEverything:
            throw HTTPProblem(.forbidden, "this needs a token with access to all queues")
        case .downloads where !caller.queues.matches(.downloads):
            throw HTTPProblem(.forbidden, "the token has no access to queue \"downloads\"")
        default: return
        }
    }

    /// The caller of a public route: identified by a token if one is sent, or as local if none is required.
    private func publicCaller(_ request: Request, _ context: Connection) -> Caller {
        let isKnown = authenticator.isOpen ? !isForProbes : request.headers.value(of: .authorization) != nil
        return isKnown ? (try? authenticator.caller(of: request.head, from: context.address)) ?? .anybody : .anybody
    }

    private func problem(_ error: any Error, _ request: Request, _ note: RequestLog.Note) -> HTTPProblem {
        let isRead = request.method == .get || request.method == .head
        switch error {
        case let problem as HTTPProblem: return problem
        case let error as QueueError:
            requestLog.trouble(error.description, note, isRead: isRead)
            return HTTPProblem(error, isRead: isRead, showsCause: note.seesCauses)
        case let fault as WriteError:
            requestLog.trouble(fault.error.description, note, isRead: false)
            let problem = HTTPProblem(fault.error, isRead: false, showsCause: note.seesCauses)
            return fault.more.reduce(problem) { $0.with($1.key, $1.value) }
        case is HTTPParserError:
            return HTTPProblem(.malformedHTTP, "the body is not what its head announced")
                .with(.connection, "close")
        case is CancellationError where ClientConnection.current?.isClosed ?? false:
            return HTTPProblem(.clientGone, "the client has closed the connection")
        case is CancellationError:
            return HTTPProblem(.shuttingDown, "the server is shutting down")
                .with("outcome", isRead ? "not-executed" : "unknown").with(.retryAfter, "1")
        default:
            requestLog.bug(error, note)
            return .bug
        }
    }

    private func response(_ reply: Reply, _ requestID: String, body: ResponseBody?) -> Response {
        var headers = reply.headers
        if !prefix.text.isEmpty, let place = headers[.location], place.hasPrefix("/") {
            headers[.location] = prefix.text + place
        }
        headers.reserveCapacity(headers.count + 6)
        // No handler sets these headers, so they are appended without a search.
        func add(_ name: HTTPField.Name, _ value: String) { headers.append(HTTPField(name: name, value: value)) }
        if !reply.bytes.isEmpty || reply.stream != nil { add(.contentType, reply.contentType) }
        if reply.status != .notModified, reply.status != .noContent, reply.stream == nil {
            add(.contentLength, String(reply.bytes.count))
        }
        add(.cacheControl, reply.cacheControl)
        add(.xContentTypeOptions, "nosniff")
        add(.requestID, requestID)
        let whole: ResponseBody =
            reply.bytes.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: reply.bytes))
        return Response(status: reply.status, headers: headers, body: body ?? whole)
    }

    /// The caller's request id if it is safe, otherwise a new one.
    private static func requestID(_ headers: HTTPFields) -> String {
        if let own = headers.value(of: .requestID), JobID.isName(own) { return own }
        return JobID.generate().description
    }
}

extension Reply {
    /// A problem document as a response.
    fileprivate init(_ body: JSONOutput, _ problem: HTTPProblem) {
        self.init(body.bytes, type: "application/problem+json", status: problem.status)
        headers = problem.headers
    }
}
