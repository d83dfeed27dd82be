// Many ends of claims in one request, with the next claim if the worker wants one.

import FoundationEssentials
import HTTPTypes
import MartletJSON
import MartletJobs
import MartletQueue

/// The ends of many claims, each judged by itself.
private struct ClaimBatch {
    /// The valid ends, with their positions in the request.
    var items: [(index: Int, token: ClaimToken, end: ClaimEnd)] = []
    /// The positions that are answered without asking Redis.
    var answered: [Int: JSONOutput] = [:]
    var count = 0

    init(_ list: [JSONText], _ call: Call) {
        count = list.count
        for (index, text) in list.enumerated() { read(text, index, call) }
    }

    private mutating func read(_ text: JSONText, _ index: Int, _ call: Call) {
        var fields = Fields(text, ClaimEndField.item, at: "/settlements/\(index)")
        let word = fields.text("outcome", length: 1...32, required: true)
        let name = fields.read(ClaimField.token)
        let token = name.flatMap { ClaimToken($0) }
        if name != nil, token == nil { fields.refuse(ClaimField.token, "is not the token of a claim") }
        let end = word.flatMap { ClaimEnd($0, &fields) }
        let errors = fields.close()
        guard errors.isEmpty, let token, let end else {
            return answered[index] = .object([
                "index": .int(index), "status": "invalid", "errors": .array(errors.map(\.json)),
            ])
        }
        guard call.caller.queues.matches(token.queue) else {
            return answered[index] = .object([
                "index": .int(index), "id": .string(token.id.description), "status": "forbidden",
            ])
        }
        items.append((index, token, end))
    }

    /// The answer for one end.
    static func row(_ index: Int, _ token: ClaimToken, _ result: SettleResult) -> JSONOutput {
        var object = JSONObjectOutput(capacity: 96)
        object.add("index", number: index)
        object.add("id", text: token.id.description)
        switch result {
        case .done(let state, let runAt):
            object.add("status", text: "settled")
            object.add("state", state.map { .string($0.rawValue) } ?? .null)
            object.add("run_at", text: runAt?.rfc3339)
        case .lost: object.add("status", text: "lease-lost")
        case .gone: object.add("status", text: "job-gone")
        case .failed(let error): object.add("status", text: error.mayBeDone ? "unknown" : "not-executed")
        }
        return .written(object)
    }
}

extension API {
    /// Ends many claims, then hands out more jobs if the body has a `claim`.
    ///
    /// A claim waits, so the ends are written before it begins.
    func settleClaims(_ call: Call) async throws -> Reply {
        var fields = try call.fields()
        let list = fields.list("settlements", limit: ClaimField.mostTokens) ?? []
        if !fields.has("settlements") { fields.refuse("settlements", "is required: a list of ends of claims") }
        var order: ClaimOrder?
        if var claim = fields.object("claim", ClaimField.shape) {
            order = ClaimOrder(&claim, longestWait: settings.longestWait)
            fields.refuse(claim.close())
        }
        try fields.done()
        guard list.count <= ClaimField.mostTokens else {
            throw HTTPProblem.tooLarge(
                "settlements has at most \(ClaimField.mostTokens) entries", limit: ClaimField.mostTokens)
        }
        for queue in order?.queues ?? [] { _ = try call.queue(queue.name) }
        let batch = ClaimBatch(list, call)
        let results = await claims.settling.settle(
            batch.items.map { ($0.token, $0.end) }, caller: call.caller)
        var rows = batch.answered
        for (item, result) in zip(batch.items, results) {
            rows[item.index] = ClaimBatch.row(item.index, item.token, result)
        }
        let settled: [(key: String, value: JSONOutput)] = [
            ("results", .array((0..<batch.count).compactMap { rows[$0] }))
        ]
        if var error = Self.worst(results) {
            error.ids = zip(batch.items, results).filter { $0.1.isUnknown }.map(\.0.token.id)
            throw WriteError(error: error, more: settled)
        }
        guard let order else { return Reply(.members(settled)) }
        do {
            let jobs = try await claims.claim(order, for: call.caller)
            return Reply(.members(settled + [("claims", .array(jobs.map(JSONOutput.claim)))]))
        } catch let error as QueueError {
            throw WriteError(error: error, more: settled)
        } catch var problem as HTTPProblem {
            problem.more += settled
            throw problem
        }
    }

    /// The error that the whole answer has: one of Redis before one of a single queue.
    private static func worst(_ results: [SettleResult]) -> QueueError? {
        let errors = results.compactMap { result -> QueueError? in
            if case .failed(let error) = result { error } else { nil }
        }
        return errors.first { $0.kind == .unknown } ?? errors.first { !$0.isOfOneQueue } ?? errors.first
    }
}

extension SettleResult {
    fileprivate var isUnknown: Bool {
        if case .failed(let error) = self { error.mayBeDone } else { false }
    }
}
