// A limit in responses, and the descriptions of the routes of limits.

import MartletJSON
import MartletJobs
import MartletQueue

extension JSONOutput {
    /// A limit with its usage.
    static func limit(_ limit: LimitStatus) -> JSONOutput {
        .object([
            "key": .string(limit.name),
            "concurrency": concurrency(limit.base), "rate": rate(limit.base),
            "override": limit.override.map { override in
                .object([
                    "concurrency": concurrency(override), "rate": rate(override),
                    "until": limit.overrideEnds.map(JSONOutput.time),
                ])
            },
            "pause": limit.pause.map(JSONOutput.pause),
            "throttled": limit.throttle.map { throttle in
                .object([
                    "until": .time(throttle.until), "reason": throttle.reason.map { .string($0) },
                ])
            },
            "in_force": limit.source.map { source in
                .object([
                    "key": .string(source), "concurrency": concurrency(limit.inForce), "rate": rate(limit.inForce),
                    "paused": .bool(limit.isPaused),
                ])
            },
            "usage": .int(limit.usage), "waiting": .int(limit.waiting),
            "open": limit.opening.map { .bool($0 == .now) },
            "opens_at": opensAt(limit.opening),
            "holders": limit.holders.isEmpty
                ? nil
                : .array(
                    limit.holders.map {
                        .object(["job": .string($0.job.description), "weight": .int($0.weight)])
                    }),
            "keys": limit.keys.isEmpty
                ? nil
                : .array(
                    limit.keys.map {
                        .object(["key": .string($0.name), "usage": .int($0.usage), "waiting": .int($0.waiting)])
                    }),
        ])
    }

    static func pause(_ pause: LimitPause) -> JSONOutput {
        .object([
            "reason": pause.reason.map { .string($0) }, "by": pause.by.map { .string($0) },
            "until": pause.until.map(JSONOutput.time),
        ])
    }

    private static func concurrency(_ limit: QueueLimit?) -> JSONOutput {
        limit?.concurrency.map { .int($0) } ?? .null
    }

    private static func rate(_ limit: QueueLimit?) -> JSONOutput {
        guard let rate = limit?.rate else { return .null }
        return .object([
            "count": .int(rate.count), "per_seconds": .seconds(rate.per), "burst": .int(rate.burst),
        ])
    }

    private static func opensAt(_ opening: LimitStatus.Opening?) -> JSONOutput? {
        guard case .at(let date) = opening else { return nil }
        return .time(date)
    }
}

// MARK: - Description

/// The description of limits in responses.
enum LimitView {
    private static let values: [Property] = [
        .always("concurrency", .nullable(.count), "The most weight of jobs that run at one time; `null` is unlimited."),
        .always("rate", .nullable(.object(rate)), "How many jobs may start in a time; `null` is unlimited."),
    ]
    private static let rate = ObjectShape(
        "LimitRateInfo", "How many jobs may start in a time.",
        [
            .always("count", .count, "The starts in the time."), .always("per_seconds", .seconds, "The time."),
            .always("burst", .count, "How many may start at once after a quiet time."),
        ])
    private static let end = Property.maybe("until", .time, "When it ends by itself.")

    static let shape = ObjectShape(
        "Limit", "A limit with its usage; `concurrency` and `rate` are its base value.",
        [.always("key", .text, "The key, or `<class>:*` for each value of a class.")] + values + [
            .maybe("override", .object(override), "What counts in place of the base value."),
            .maybe("pause", .object(pause), "The pause of this limit."),
            .maybe("throttled", .object(throttle), "The hold by a job whose service said to wait."),
            .maybe("in_force", .object(inForce), "What counts now: of this limit, or of its class."),
            .always(
                "usage", .count,
                "The weight of the jobs that run; of a class the highest of one key, of 1 000 that are looked at."),
            .always("waiting", .count, "How many jobs wait for it."),
            .maybe("open", .flag, "Whether a job of weight 1 may start now; not of a class."),
            .maybe("opens_at", .time, "When it may, where that is a matter of time."),
            .maybe(
                "holders", .list(holder), "Up to 5 of the first 1 000 running jobs that hold the key; of one limit."),
            .maybe("keys", .list(key), "Up to 20 of the busiest keys of a class; of one limit."),
        ])
    private static let override = ObjectShape(
        "LimitOverride", "What counts in place of the base value.", values + [end])
    static let pause = ObjectShape(
        "LimitPause", "A pause of a limit.",
        [.maybe("reason", .text, "Why."), .maybe("by", .text, "The name of the token that paused."), end])
    private static let throttle = ObjectShape(
        "LimitThrottle", "A hold: no job that names the key starts before it ends.",
        [.always("until", .time, "When it ends by itself."), .maybe("reason", .text, "What the service said.")])
    private static let inForce = ObjectShape(
        "LimitInForce", "What limits the jobs of a key now.",
        [.always("key", .text, "The limit that counts.")] + values + [
            .always("paused", .flag, "Whether that limit is paused.")
        ])
    private static let holder = ObjectShape(
        "LimitHolder", "A job that runs and holds a key.",
        [.always("job", .text, "The job."), .always("weight", .count, "The weight that it holds.")])
    private static let key = ObjectShape(
        "LimitedKey", "A key of a class.",
        [
            .always("key", .text, "The key."), .always("usage", .count, "The weight of the jobs that run."),
            .always("waiting", .count, "How many jobs wait for it."),
        ])

    static let list = ObjectShape(
        "LimitList", "A page of limits.",
        [
            .always("limits", .list(shape), "The limits, by key."),
            .always("next_cursor", .nullable(.text), "The `cursor` of the next page; `null` on the last one."),
        ])
    static let removed = ObjectShape(
        "RemovedLimit", "A limit that was removed.",
        [.always("queue", .text, "The queue."), .always("key", .text, "The key or class.")])
}

extension RouteDescription {
    static var listLimits: RouteDescription {
        RouteDescription(
            "listLimits", .queues, "List the limits of a queue",
            "At most 10 000 a queue, and as many keys that are held; sorted by key.",
            answers: [.ok(.object(LimitView.list), "A page.")], problems: [.notFound],
            examples: [RouteExample("limits", "The first ten", query: "limit=10")])
    }

    static var getLimit: RouteDescription {
        RouteDescription(
            "getLimit", .queues, "Get a limit",
            "Also a key that a limit of its class holds, and a key that running jobs name.",
            answers: [.ok(.object(LimitView.shape), "The limit.")], problems: [.notFound],
            examples: [RouteExample("limit", "A limit with the jobs that hold it")])
    }

    static var setLimit: RouteDescription {
        RouteDescription(
            "setLimit", .queues, "Set a limit",
            """
            Sets the whole base value, or with `override=true` the whole override, and creates the limit and the queue. A key's \
            own limit counts before that of its class. Running jobs are not stopped.
            """,
            answers: [.ok(.object(LimitView.shape), "The limit after it.")], problems: [.notFound, .tooManyQueues],
            examples: [
                RouteExample(
                    "limit", "Two at a time, 100 a minute",
                    body: #"{"concurrency": 2, "rate": {"count": 100, "per_seconds": 60, "burst": 5}}"#),
                RouteExample(
                    "override", "Ten at a time for an hour", body: #"{"concurrency": 10, "for_seconds": 3600}"#,
                    query: "override=true"),
            ])
    }

    static var removeLimit: RouteDescription {
        RouteDescription(
            "removeLimit", .queues, "Remove a limit",
            answers: [.ok(.object(LimitView.removed), "It is removed.")], problems: [.notFound],
            examples: [RouteExample("remove", "A limit")])
    }

    static var pauseLimit: RouteDescription {
        RouteDescription(
            "pauseLimit", .queues, "Pause a limit",
            "No job that names the key starts once this is answered; running ones finish. A key needs no limit for that.",
            answers: [.ok(.object(LimitView.shape), "The limit after it.")], problems: [.notFound],
            examples: [
                RouteExample("pause", "For ten minutes", body: #"{"reason": "maintenance", "for_seconds": 600}"#)
            ])
    }

    static var resumeLimit: RouteDescription {
        RouteDescription(
            "resumeLimit", .queues, "Resume a limit", "A limit that only paused is gone then.",
            answers: [.ok(.object(LimitView.shape), "The limit after it.")], problems: [.notFound],
            examples: [RouteExample("resume", "A limit")])
    }

    static var resetLimit: RouteDescription {
        RouteDescription(
            "resetLimit", .queues, "Reset a limit", "Ends its override, its pause, and the hold of a throttled key.",
            answers: [.ok(.object(LimitView.shape), "The limit after it.")], problems: [.notFound],
            examples: [RouteExample("reset", "A limit")])
    }
}
