// The results of one verb on many jobs, in the order of the request.

import MartletJSON
import MartletJobs
import MartletQueue

extension ControlVerb {
    /// The name of the verb in actions on jobs and downloads; of a job's values they can change only the priority.
    var actionName: String { if case .patch = self { "priority" } else { name } }
}

/// Results and errors of a verb on many jobs.
struct ActionReport {
    let verb: ControlVerb
    /// The state names of this API.
    private let word: (JobState) -> String
    private let allowed: (JobState) -> [String]
    private var results: [(index: Int, json: JSONOutput)] = []
    private var errors: [(index: Int, json: JSONOutput)] = []
    /// The worst Redis error so far.
    private var trouble: QueueError?
    /// The first error of one queue alone; jobs of other queues are not affected.
    private var queueError: QueueError?
    private var unknown: [JobID] = []

    init(
        verb: ControlVerb, word: @escaping (JobState) -> String = { $0.rawValue },
        allowed: @escaping (JobState) -> [String] = { $0.allowedVerbs }
    ) {
        self.verb = verb
        self.word = word
        self.allowed = allowed
    }

    /// Applies the verb to these jobs, at most 500 per request; a Redis error is recorded for the affected jobs.
    ///
    /// With `dryRun` nothing changes, and the expected results are recorded.
    mutating func act(on jobs: [(index: Int, id: JobID)], in queue: Queue, dryRun: Bool = false) async {
        let verb = verb
        for part in jobs.chunks(of: Queue.batchLimit) {
            if let trouble {
                for job in part { fail(job.index, job.id, trouble.asNotAttempted) }
                continue
            }
            let ids = part.map(\.id)
            do throws(QueueError) {
                let verdicts = dryRun ? try await queue.look(verb, ids) : try await queue.apply(verb, ids)
                for (job, verdict) in zip(part, verdicts) { add(job.index, job.id, verdict) }
            } catch {
                for job in part { fail(job.index, job.id, error, dryRun: dryRun) }
            }
        }
    }

    private mutating func fail(_ index: Int, _ id: JobID, _ error: QueueError, dryRun: Bool = false) {
        if error.isOfOneQueue {
            queueError = queueError ?? error
        } else {
            trouble = trouble?.kind == .unknown ? trouble : error
        }
        let isUnknown = error.mayBeDone && !dryRun
        if error.kind == .unknown { unknown.append(id) }
        let json = JSONOutput.object([
            "id": .string(id.description), "error": .string(error.publicText),
            "outcome": isUnknown ? "unknown" : "not-executed",
        ])
        errors.append((index, json))
    }

    mutating func add(_ index: Int, _ id: JobID, _ verdict: ControlVerdict) {
        switch verdict {
        case .done(let state): accept(index, id, state.map(word) ?? "deleted")
        case .asked: accept(index, id, word(verb == .pause ? .paused : .cancelled), isStopping: true)
        case .refused(let state):
            let allowed = self.allowed(state).joined(separator: ", ")
            refuse(index, id.description, "it is \(word(state)); allowed: \(allowed)", state: state)
        case .missing: refuse(index, id.description, "there is no such job")
        case .invalid(let field): refuse(index, id.description, "\(field) is out of its range")
        case .uniqueKeyTaken(let holder): refuse(index, id.description, "\(holder) holds its unique key")
        }
    }

    mutating func refuse(_ index: Int, _ id: String, _ error: String, state: JobState? = nil) {
        let json = JSONOutput.object([
            "id": .string(String(id.prefix(200))), "error": .string(error), "state": state.map { .string(word($0)) },
        ])
        errors.append((index, json))
    }

    private mutating func accept(_ index: Int, _ id: JobID, _ status: String, isStopping: Bool = false) {
        let json = JSONOutput.object([
            "id": .string(id.description), "status": .string(status), "stopping": isStopping ? true : nil,
        ])
        results.append((index, json))
    }

    /// 200 with all results, or 503 with them when Redis failed for some jobs.
    ///
    /// When no job was changed, a queue's own error is that of the request.
    func reply(message: String, dryRun: Bool = false) throws -> Reply {
        let members: [(key: String, value: JSONOutput)?] = [
            ("message", .string("\(message): \(results.count) of \(results.count + errors.count)")),
            ("total", .int(results.count + errors.count)), ("successful", .int(results.count)),
            ("failed", .int(errors.count)), dryRun ? ("dry_run", true) : nil,
            ("results", .array(results.sorted { $0.index < $1.index }.map(\.json))),
            ("errors", .array(errors.sorted { $0.index < $1.index }.map(\.json))),
        ]
        guard var trouble = trouble ?? (results.isEmpty ? queueError : nil) else {
            return Reply(.members(members.compactMap { $0 }))
        }
        trouble.ids = unknown
        throw WriteError(error: trouble, more: members.compactMap { $0 })
    }
}

// MARK: - Description

extension ActionReport {
    /// The members of a report.
    static let properties: [Property] = [
        .maybe("message", .text, "What was done, for people."), .maybe("total", .count, "How many were named."),
        .maybe("successful", .count, "How many were changed."), .maybe("failed", .count, "How many were not."),
        .maybe("dry_run", .flag, "Whether nothing was changed."),
        .maybe("results", .list(result), "Those that were changed, in the order of the request."),
        .maybe("errors", .list(fault), "Those that were not, in the order of the request."),
    ]
    static let shape = ObjectShape(
        "ActionReport", "The results of one verb on many jobs.",
        properties.map { $0.name == "dry_run" ? $0 : .always($0.name, $0.schema, $0.about) })

    static let result = ObjectShape(
        "ActionResult", "A job that was changed.",
        [
            .always("id", .text, "The id."), .always("status", .text, "The state after it."),
            .maybe("stopping", .flag, "Whether it is still stopping."),
        ])
    static let fault = ObjectShape(
        "ActionError", "A job that was not changed.",
        [
            .always("id", .text, "The id."), .always("error", .text, "Why."),
            .maybe("state", .text, "The state of the job."),
            .maybe(
                "outcome", .words(["unknown", "not-executed"]),
                "Whether it may have been done, after a failure of Redis."),
        ])
}
