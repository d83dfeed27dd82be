// Records what operators do: around every route that is an operator's action, in this one place.

import CoreMetrics
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// Gives each operator's call its author, and records what no script has recorded.
struct Recorder: Sendable {
    private let store: JobStore
    private let entries: Int
    private let refusals = RefusalLimit()
    private let failures = Counter(label: "martlet_audit_failures_total")
    private let refused = Counter(label: "martlet_audit_refusals_total")

    init(store: JobStore, settings: ServerSettings) {
        self.store = store
        entries = settings.auditEntries
    }

    /// The author of a call; `nil` where the route is no operator's action.
    func author(_ route: Route, _ caller: Caller, _ requestID: String, _ headers: HTTPFields, _ address: ClientAddress)
        -> TrailAuthor?
    {
        guard route.recording.isRecorded else { return nil }
        let members: [(key: String, value: JSONOutput)] = [
            ("who", .string(caller.name)), ("client", .string(ClaimedClient(headers).rawValue)),
            ("address", .string(address.text)), ("operation", .string(route.about().id)),
            ("request_id", .string(requestID)),
        ]
        return TrailAuthor(members, entries: entries)
    }

    /// Runs the handler of an operator's action.
    ///
    /// What changes something is recorded by the script that changes it. An action in steps is refused when its start
    /// cannot be recorded. What only ends without a script is recorded here; that an end cannot be recorded is counted.
    func run(_ call: Call, _ handler: () async throws -> Reply) async throws -> Reply {
        guard let author = call.author else { return try await handler() }
        let inSteps = call.route.recording == .actionInSteps
        if inSteps { try await beforeWriting { try await write(author, call, "started") } }
        do {
            let reply = try await handler()
            if inSteps || (!author.isRecorded && !call.isDryRun) { await end(author, call, "done") }
            return reply
        } catch {
            if let problem = error as? HTTPProblem {
                if inSteps || !author.isRecorded { await refuse(author, call, problem, always: inSteps) }
            } else if inSteps {
                await end(author, call, "unknown")
            }
            throw error
        }
    }

    /// Records a request that was refused before its handler ran.
    func refuse(_ author: TrailAuthor?, _ call: Call, _ problem: HTTPProblem) async {
        guard let author else { return }
        await refuse(author, call, problem, always: false)
    }

    /// Records a refusal; those of one kind that follow one another soon are counted in the next entry.
    private func refuse(_ author: TrailAuthor, _ call: Call, _ problem: HTTPProblem, always: Bool) async {
        // What could not be read asked for nothing; what Redis could not do says so to the caller.
        guard always || [403, 404, 409].contains(problem.status.code) else { return }
        refused.increment()
        let kind = RefusalLimit.Kind(who: call.caller.name, route: call.route.name, code: problem.code)
        let left = always ? 0 : refusals.admit(kind)
        guard let left else { return }
        var more: [(key: String, value: JSONOutput)] = [("reason", .string(problem.code.rawValue))]
        if left > 0 { more.append(("also_refused", .int(left))) }
        await end(author.adding(more), call, "refused")
    }

    private func end(_ author: TrailAuthor, _ call: Call, _ result: String) async {
        do { try await write(author, call, result) } catch { failures.increment() }
    }

    private func write(_ author: TrailAuthor, _ call: Call, _ result: String) async throws(QueueError) {
        let job = call.parameters["id"].flatMap { JobID($0) }
        let more: [(key: String, value: JSONOutput)?] = [
            call.queueNamed.map { ("queue", .string($0.description)) }, job.map { ("job", .string($0.description)) },
        ]
        try await store.record(author.adding(more.compactMap(\.self)), call.route.about().id, result: result)
    }
}

extension Call {
    /// The queue that the request names, whether the caller may see it or not.
    fileprivate var queueNamed: QueueName? {
        if route.scope == .downloads { return .downloads }
        let word = parameters["queue"] ?? (route.query.contains("queue") ? query["queue"] : nil)
        return word.flatMap { QueueName($0) }
    }

    /// Whether the body asks for a dry run, which changes nothing.
    fileprivate var isDryRun: Bool {
        guard case .json(let text) = body, let members = text.members(atMost: 32) else { return false }
        return members.contains { $0.key == JobActionFields.dryRun.property.name && $0.value.bool == true }
    }
}

/// The program with which an operator works, by its own word: a header says it, and nothing proves it.
enum ClaimedClient: String, Sendable, CaseIterable {
    case api, dashboard, cli, top, mcp

    /// Reads `User-Agent`, in which the command names itself, and the field that browsers add to what a server's own page sends.
    init(_ headers: HTTPFields) {
        if headers.value(of: .fetchSite) == "same-origin" {
            self = .dashboard
            return
        }
        let agent = headers.value(of: .userAgent) ?? ""
        let named = Self.allCases.first { agent.hasPrefix("martlet/") && agent.hasSuffix("(\($0.rawValue))") }
        self = named ?? .api
    }
}
