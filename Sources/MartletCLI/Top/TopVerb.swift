// What can be done in `martlet top` to queues, jobs and downloads: one table, and the requests of each.

import MartletCommandSupport
import MartletJSON
import MartletJobs
import MartletQueue
import NIOHTTP1

/// Something that can be done to the rows of some views.
struct TopVerb: Sendable, Equatable {
    /// What is asked before it is done.
    enum Question: Sendable, Equatable {
        case confirmation
        /// A reason, which may be empty.
        case reason
        /// A new priority.
        case priority
        /// Nothing: the priority changes by this much, and back as easily.
        case step(Int)
    }

    /// An upper-case letter: those alone change something.
    var key: Character
    var title: String
    /// The name of the action in the API.
    var action: String
    var question: Question
    var views: Set<TopView>

    static let all = [
        TopVerb(key: "P", title: "Pause", action: "pause", question: .reason, views: [.queues]),
        TopVerb(key: "P", title: "Pause", action: "pause", question: .confirmation, views: [.jobs, .downloads]),
        TopVerb(
            key: "U", title: "Resume", action: "resume", question: .confirmation, views: [.queues, .jobs, .downloads]),
        TopVerb(
            key: "R", title: "Retry", action: "retry", question: .confirmation, views: [.jobs, .errors, .downloads]),
        TopVerb(
            key: "X", title: "Cancel", action: "cancel", question: .confirmation, views: [.jobs, .errors, .downloads]),
        TopVerb(key: "N", title: "Run now", action: "run", question: .confirmation, views: [.jobs, .errors]),
        TopVerb(key: "D", title: "Delete", action: "delete", question: .confirmation, views: [.jobs, .errors]),
        TopVerb(
            key: "I", title: "Set the priority of", action: "priority", question: .priority,
            views: [.jobs, .downloads]),
        TopVerb(
            key: "K", title: "Raise the priority of", action: "priority", question: .step(1),
            views: [.jobs, .downloads]),
        TopVerb(
            key: "J", title: "Lower the priority of", action: "priority", question: .step(-1),
            views: [.jobs, .downloads]),
    ]

    /// A word for the line of hints.
    var hint: String {
        switch question {
        case .priority: "priority"
        case .step(let step): step > 0 ? "raise" : "lower"
        case .confirmation, .reason: title.lowercased()
        }
    }

    /// The verbs of a view.
    static func of(_ view: TopView) -> [TopVerb] { all.filter { $0.views.contains(view) } }

    /// The verb of a key in a view.
    static func of(_ view: TopView, key: Character) -> TopVerb? { of(view).first { $0.key == key } }
}

/// A verb with what it is done to.
struct TopOperation: Sendable, Equatable {
    /// A queue, a job or a download.
    struct Target: Sendable, Equatable {
        var id: String
        /// The queue of a job.
        var queue: String?
        var priority: Int?
    }

    /// A request, and how many targets it is about.
    struct Call: Sendable, Equatable {
        var method = HTTPMethod.POST
        var path: String
        var body: JSONValue?
    }

    var verb: TopVerb
    var view: TopView
    var targets: [Target]
    var reason: String?
    /// The new priority of all targets.
    var priority: Int?

    init(_ verb: TopVerb, _ view: TopView, _ rows: [TopRow]) {
        self.verb = verb
        self.view = view
        let name = view == .queues ? "name" : "id"
        targets = rows.map { row in
            Target(
                id: row.item[name].string ?? "", queue: row.item["queue"].string, priority: row.item["priority"].int)
        }
    }

    /// What it is about, for people: `queue mail`, `job 01k…`, `3 downloads`.
    var subject: String {
        let noun = view == .queues ? "queue" : view == .downloads ? "download" : "job"
        return targets.count == 1 ? "\(noun) \(targets[0].id)" : "\(targets.count) \(noun)s"
    }

    /// The requests, in order.
    var calls: [Call] {
        if view == .queues { return targets.map(queueCall) }
        return groups.map { group in
            let ids = JSONValue.array(group.targets.map { .string($0.id) })
            let body = JSONValue.fields([
                view == .downloads ? "download_ids" : "ids": ids, "action": .string(verb.action),
                "priority": group.priority.map(JSONValue.integer),
            ])
            guard view != .downloads else { return Call(path: "/api/downloads/batch-action", body: body) }
            return Call(path: "/api/v1/jobs/actions" + APIClient.query([("queue", group.queue)]), body: body)
        }
    }

    private func queueCall(_ target: Target) -> Call {
        let body = reason.flatMap { $0.isEmpty ? nil : JSONValue.object(["reason": .string($0)]) }
        return Call(path: "/api/v1/queues/\(APIClient.escaped(target.id))/\(verb.action)", body: body)
    }

    /// Targets that one request can be about: those of one queue with one new priority.
    private struct Group {
        var queue: String?
        var priority: Int?
        var targets: [Target]
    }

    private var groups: [Group] {
        var groups: [Group] = []
        for target in targets {
            let (queue, priority) = (view == .downloads ? nil : target.queue, newPriority(of: target))
            if let index = groups.firstIndex(where: { $0.queue == queue && $0.priority == priority }) {
                groups[index].targets.append(target)
            } else {
                groups.append(Group(queue: queue, priority: priority, targets: [target]))
            }
        }
        return groups
    }

    private func newPriority(of target: Target) -> Int? {
        guard case .step(let step) = verb.question else { return priority }
        let (least, most) = (NewJob.Limit.priorities.lowerBound, NewJob.Limit.priorities.upperBound)
        return min(max((target.priority ?? 0) &+ step, least), most)
    }
}

extension TopOperation {
    /// Sends the requests.
    ///
    /// - Returns: what came of them; a refusal of the server is a message too.
    func run(_ client: APIClient) async -> TopMessage {
        var (done, failed, reason) = (0, 0, String?.none)
        for call in calls {
            do {
                let answer = try await client.send(call.method, call.path, body: call.body, timeout: TopLoop.timeout)
                done += answer.value["successful"].int ?? 1
                failed += answer.value["failed"].int ?? 0
                reason = reason ?? answer.value["errors"].array?.first?["error"].string
            } catch {
                let counts = targets.count == 1 ? "" : "\(done) done, then: "
                let message = "\(verb.title) \(subject): \(counts)\(CommandFailure(error).message)"
                return TopMessage(text: message, isBad: true)
            }
        }
        guard let reason else { return TopMessage(text: "\(verb.title) \(subject): done.") }
        let counts = targets.count == 1 ? "" : "\(done) done, \(failed) refused: "
        return TopMessage(text: "\(verb.title) \(subject): \(counts)\(reason)", isBad: true)
    }
}
