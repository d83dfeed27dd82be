// GET /api/v1/queues/{queue}/scaling: how many workers a queue can use, for KEDA and other autoscalers.

import MartletJSON
import MartletQueue

extension API {
    func getScaling(_ call: Call) async throws -> Reply {
        let queue = try call.queueInPath()
        let aim = ScalingAim(
            slotsPerWorker: try call.query.read(ScalingParameter.slots),
            clearWithin: .seconds(try call.query.read(ScalingParameter.target) ?? ScalingParameter.standardTarget))
        guard let scaling = try await queue.scaling(aim) else {
            throw HTTPProblem.notFound("there is no queue \(queue.name)")
        }
        return Reply(
            .object([
                "workers_wanted": .int(scaling.workersWanted), "load": .double(scaling.load),
                "oldest_wait_seconds": .seconds(scaling.oldestWait),
                "time_to_clear_seconds": scaling.timeToClear.map(JSONOutput.seconds) ?? .null,
            ]))
    }
}

/// The parameters of the scaling of a queue.
enum ScalingParameter {
    static let standardTarget = 60

    static let slots = Parameter.integer(
        "slots_per_worker", in: 1...10_000,
        "The slots of each worker. Without it the mean of the live workers counts, and 1 while there are none.")
    static let target = Parameter.integer(
        "target_seconds", in: 1...86_400, "In what time the jobs that wait should have started.",
        default: standardTarget)
    static let all: [any Described] = [slots, target]
}

/// The description of the scaling of a queue.
enum ScalingView {
    static let shape = ObjectShape(
        "QueueScaling", "How much work a queue has for workers.",
        [
            .always("workers_wanted", .count, "How many workers its jobs can use; 0 when nothing runs or may run."),
            .always(
                "load", .keywords(["type": "number", "minimum": 0]),
                "Jobs that run or may run, for each slot of the live workers; without workers, for each slot of one."),
            .always("oldest_wait_seconds", .seconds, "How long the job waits that has waited longest."),
            .always(
                "time_to_clear_seconds", .nullable(.seconds),
                "How long the jobs that wait take at the speed of the last minute; `null` while that is unknown."),
        ])
}

extension RouteDescription {
    static var getScaling: RouteDescription {
        RouteDescription(
            "getScaling", .queues, "Get how many workers a queue can use",
            "For autoscalers such as KEDA. Scheduled and retrying jobs count when they are due, and nothing counts that "
                + "waits behind a pause or a limit.",
            answers: [.ok(.object(ScalingView.shape), "The numbers.")], problems: [.notFound],
            examples: [
                RouteExample("scaling", "With the slots that live workers have"),
                RouteExample(
                    "aim", "Workers of 8 slots, to clear within 5 minutes",
                    query: "slots_per_worker=8&target_seconds=300"),
            ])
    }
}
