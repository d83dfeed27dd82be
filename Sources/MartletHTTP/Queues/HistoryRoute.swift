// GET /api/v1/queues/{queue}/history and GET /api/v1/history: rates and depths over time, of one queue and of all.

import FoundationEssentials
import MartletJSON
import MartletQueue

extension API {
    func getHistory(_ call: Call) async throws -> Reply {
        let queue = try call.queueInPath()
        let wanted = try HistoryRequest(call.query)
        guard
            let history = try await queue.history(
                step: wanted.step, from: wanted.from, to: wanted.to, type: wanted.type)
        else { throw HTTPProblem.notFound("there is no queue \(queue.name)") }
        return Reply(.members([("queue", .string(queue.name.description))] + JSONOutput.steps(history)))
    }

    /// The sum over the first queues by name.
    func getTotalHistory(_ call: Call) async throws -> Reply {
        let wanted = try HistoryRequest(call.query)
        let names = try await call.visibleQueues()
        let (read, unread) = try await call.readEach(Array(names.prefix(HistoryView.mostQueues))) {
            queue throws(QueueError) in try await queue.historyClock()
        }
        let clocks = read.compactMapValues(\.self)
        let plan = HistoryPlan(step: wanted.step, from: wanted.from, to: wanted.to, clocks: Array(clocks.values))
        let (parts, others) = try await call.readEach(Array(clocks.keys)) { queue throws(QueueError) in
            try await queue.historyPart(plan, swept: clocks[queue.name]?.swept ?? 0, type: wanted.type)
        }
        var damaged = unread
        damaged.add(others)
        let history = QueueHistory(plan, Array(parts.values))
        let counted: [(key: String, value: JSONOutput)] = [("queues", .int(parts.count)), ("of", .int(names.count))]
        return Reply(.members(counted + JSONOutput.steps(history) + damaged.members(for: call.caller)))
    }
}

/// What a request for a history asks for.
private struct HistoryRequest {
    let step: Duration
    let from: Date?
    let to: Date?
    let type: String?

    init(_ query: Query) throws(HTTPProblem) {
        step = .seconds(try query.read(HistoryParameter.step) ?? HistoryParameter.standardStep)
        from = try query.read(HistoryParameter.from)
        to = try query.read(HistoryParameter.to)
        type = try query.read(HistoryParameter.type)
    }
}

extension JSONOutput {
    fileprivate static func steps(_ history: QueueHistory) -> [(key: String, value: JSONOutput)] {
        [("step_seconds", .seconds(history.step)), ("points", .array(history.points.map(point)))]
    }

    private static func point(_ point: QueueHistory.Point) -> JSONOutput {
        .object([
            "at": .time(point.at), "pushed": rate(point.pushed), "completed": rate(point.completed),
            "failed": rate(point.failed), "cancelled": rate(point.cancelled), "queued": depth(point.queued),
            "active": depth(point.active), "delayed": depth(point.delayed), "wait": times(point.wait),
            "run": times(point.run),
        ])
    }

    private static func times(_ times: QueueHistory.Times?) -> JSONOutput {
        guard let times else { return .null }
        return .object([
            "count": .int(times.count), "p50_seconds": preciseSeconds(times.median),
            "p90_seconds": preciseSeconds(times.p90),
            "p99_seconds": preciseSeconds(times.p99),
        ])
    }

    /// Seconds to the microsecond: handlers may be that short.
    private static func preciseSeconds(_ time: Duration) -> JSONOutput {
        .double((time / .seconds(1) * 1e6).rounded() / 1e6)
    }

    /// A rate to the third decimal.
    private static func rate(_ rate: Double?) -> JSONOutput {
        rate.map { .double(($0 * 1000).rounded() / 1000) } ?? .null
    }

    private static func depth(_ depth: Int?) -> JSONOutput { depth.map { .int($0) } ?? .null }
}

/// The parameters of the history of a queue.
enum HistoryParameter {
    static let standardStep = 10

    static let step = Parameter.integer(
        "step", in: 1...86_400,
        "The least seconds of a step. Steps are longer where that is needed: a minute or more further back than 10 minutes, "
            + "10 minutes or more further back than a day, and never more than \(Queue.historyLimit) of them.",
        default: standardStep)
    static let from = Parameter.time("from", "When it starts, at most 30 days ago. Without it 60 steps before its end.")
    static let to = Parameter.time("to", "No step ends later. Without it the last step that is over is the last one.")
    static let type = Parameter.text(
        "type", "The times are those of jobs of this type. Rates and depths are always those of the queue.")
    static let all: [any Described] = [step, from, to, type]
}

/// The description of the history of a queue.
enum HistoryView {
    /// The most queues that are summed in one answer.
    static let mostQueues = 100

    static let shape = ObjectShape(
        "QueueHistory", "Rates and depths of a queue in steps.", [.always("queue", .text, "The queue.")] + steps)

    static let totalShape = ObjectShape(
        "TotalHistory", "Rates and depths of all queues in steps.",
        [
            .always("queues", .count, "How many queues are summed: the first \(mostQueues) by name."),
            .always("of", .count, "How many queues there are."),
        ] + steps + [DamagedQueues.property])

    private static let steps: [Property] = [
        .always("step_seconds", .seconds, "The length of a step."),
        .always("points", .list(.object(point)), "The steps that are over, the first one first."),
    ]

    private static let point = ObjectShape(
        "HistoryPoint",
        "A step. What is not known of it is `null`: the history begins later, or nobody sampled the queue.",
        [.always("at", .time, "When it begins.")]
            + ["pushed", "completed", "failed", "cancelled"].map {
                .always($0, .nullable(.number), "Jobs that were \($0), each second.")
            }
            + ["queued", "active", "delayed"].map {
                .always($0, .nullable(.count), "How many jobs were \($0) at its end.")
            } + [
                .always(
                    "wait", .nullable(.object(times)),
                    "How long jobs waited, from when they could run, that were claimed in it. `null` without any, and in steps "
                        + "below 10 s."),
                .always("run", .nullable(.object(times)), "How long attempts ran that ended in it, in whatever way."),
            ])

    private static let times = ObjectShape(
        "HistoryTimes", "How long something took; at most 5 % away from the exact times.",
        [.always("count", .count, "How many there were.")]
            + [50, 90, 99].map {
                .always("p\($0)_seconds", .keywords(["type": "number", "minimum": 0]), "\($0) of 100 took no longer.")
            })
}

extension RouteDescription {
    static var getTotalHistory: RouteDescription {
        RouteDescription(
            "getTotalHistory", .queues, "Get the history of all queues",
            "The same as the history of a queue, summed over those that the caller sees. A queue that nobody sampled at a "
                + "time adds nothing to that step.",
            answers: [.ok(.object(HistoryView.totalShape), "The history.")],
            examples: [RouteExample("hour", "The last hour by minutes", query: "step=60")])
    }

    static var getHistory: RouteDescription {
        RouteDescription(
            "getHistory", .queues, "Get the history of a queue",
            "Rates and depths in steps, from samples that are kept by the second for 10 minutes, by the minute for a day, "
                + "and by 10 minutes for 30 days. Times go back 7 days.",
            answers: [.ok(.object(HistoryView.shape), "The history.")], problems: [.notFound],
            examples: [
                RouteExample("recent", "The last 10 minutes"),
                RouteExample("minutes", "The last hour by minutes", query: "step=60"),
            ])
    }
}
