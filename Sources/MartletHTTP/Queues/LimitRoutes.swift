// The limits of a queue: list, get, set, remove, pause, resume and reset them.

import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

extension API {
    func listLimits(_ call: Call) async throws -> Reply {
        let limit = try call.query.read(CommonParameter.limit) ?? 50
        let cursor = try call.query.cursor(LimitCursor.self)
        let queue = try await existing(call).queue
        let page = try await queue.limits(after: cursor?.name, limit: limit)
        return Reply(
            .object([
                "limits": .array(page.limits.map { JSONOutput.limit($0) }),
                "next_cursor": .cursor(page.next.map { LimitCursor(name: $0) }),
            ]))
    }

    func getLimit(_ call: Call) async throws -> Reply {
        let (queue, name) = try limitInPath(call)
        guard let limit = try await queue.limit(named: name) else { throw Self.noLimit(name, queue) }
        return Reply(.limit(limit))
    }

    /// Sets the base value, or with `override=true` what counts in its place; creates the queue if it does not exist.
    func setLimit(_ call: Call) async throws -> Reply {
        let (queue, name) = try limitInPath(call)
        let isOverride = try call.query.read(LimitParameter.override) ?? false
        var fields = try call.fields()
        let limit = QueueLimit(
            concurrency: fields.read(LimitFields.concurrency), rate: fields.read(LimitFields.rate))
        let end = LimitEnd(&fields)
        if !isOverride {
            if fields.has(LimitFields.until) { fields.refuse(LimitFields.until, "goes only with override=true") }
            if fields.has(LimitFields.time) { fields.refuse(LimitFields.time, "goes only with override=true") }
        }
        if !fields.has(LimitFields.concurrency), !fields.has(LimitFields.rate) {
            fields.refuse(LimitFields.concurrency, "or rate is required; DELETE removes a limit")
        }
        try fields.done()
        return try await changing(queue, name) { queue throws(QueueError) in
            guard isOverride else {
                try await queue.setLimit(name, to: limit)
                return true
            }
            try await queue.overrideLimit(name, with: limit, until: end.until, for: end.time)
            return true
        }
    }

    func removeLimit(_ call: Call) async throws -> Reply {
        let (queue, name) = try limitInPath(call)
        _ = try await beforeWriting { try await existing(call) }
        try await change(queue, name) { queue throws(QueueError) in try await queue.removeLimit(name) }
        return Reply(.object(["queue": .string(queue.name.description), "key": .string(name)]))
    }

    func pauseLimit(_ call: Call) async throws -> Reply {
        let (queue, name) = try limitInPath(call)
        var reason: String?
        var end: LimitEnd?
        if var fields = try call.optionalFields() {
            reason = fields.read(PauseField.reason)
            end = LimitEnd(&fields)
            try fields.done()
        }
        _ = try await beforeWriting { try await existing(call) }
        let (why, until, time) = (reason, end?.until, end?.time)
        return try await changing(queue, name) { queue throws(QueueError) in
            try await queue.pauseLimit(name, reason: why, until: until, for: time, by: call.caller.name)
            return true
        }
    }

    func resumeLimit(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        return try await changingBack(call) { queue, name throws(QueueError) in try await queue.resumeLimit(name) }
    }

    func resetLimit(_ call: Call) async throws -> Reply {
        try call.takesNothing()
        return try await changingBack(call) { queue, name throws(QueueError) in try await queue.resetLimit(name) }
    }

    /// Takes something away from a limit, after which it may say nothing more and be gone.
    private func changingBack(
        _ call: Call, _ write: @escaping (Queue, String) async throws(QueueError) -> Bool
    ) async throws -> Reply {
        let (queue, name) = try limitInPath(call)
        _ = try await beforeWriting { try await existing(call) }
        return try await changing(queue, name) { queue throws(QueueError) in try await write(queue, name) }
    }

    /// Changes a limit and returns its new state.
    private func changing(
        _ queue: Queue, _ name: String, _ write: (Queue) async throws(QueueError) -> Bool
    ) async throws -> Reply {
        try await change(queue, name, write)
        let limit = try await queue.afterChange { queue throws(QueueError) in try await queue.limit(named: name) }
        return Reply(limit.map { JSONOutput.limit($0) } ?? .limit(LimitStatus(unlimited: name)))
    }

    /// Changes a limit; throws 404 when there is none.
    ///
    /// After a lost reply a limit that is gone counts as changed.
    private func change(
        _ queue: Queue, _ name: String, _ write: (Queue) async throws(QueueError) -> Bool
    ) async throws {
        do throws(QueueError) {
            let isFound = try await repeatedOnce { isRepeat throws(QueueError) in
                let isFound = try await write(queue)
                return isFound || isRepeat
            }
            if isFound { return }
        } catch {
            if case .refused = error.kind { throw error }
            throw WriteError(error: error, more: [("queue", .string(queue.name.description))])
        }
        throw Self.noLimit(name, queue)
    }

    private func limitInPath(_ call: Call) throws(HTTPProblem) -> (queue: Queue, name: String) {
        let name = call.parameters["key"] ?? ""
        let queue = try call.queueInPath()
        guard LimitName.isValid(name) else { throw .invalid("?key", LimitName.rule) }
        return (queue, name)
    }

    private static func noLimit(_ name: String, _ queue: Queue) -> HTTPProblem {
        .notFound("the queue \(queue.name) has no limit \(name)")
    }
}
