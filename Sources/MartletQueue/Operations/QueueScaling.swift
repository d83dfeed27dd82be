// How many workers a queue can use: worked out from what it counts and what its workers report.

import MartletJSON
import MartletRedis

/// How much work a queue has for workers.
///
/// ```swift
/// if let scaling = try await queue.scaling() {
///     print(scaling.workersWanted, scaling.load)
/// }
/// ```
public struct QueueScaling: Sendable, Hashable {
    /// How many workers the jobs that may run now can use.
    public var workersWanted: Int
    /// Jobs that may run now, for each slot of the live workers; without workers, for each slot of one.
    public var load: Double
    /// How long the longest waiting job has been runnable.
    public var oldestWait: Duration
    /// How long it takes until nothing waits, at the present speed; `nil` when that is not known.
    public var timeToClear: Duration?
}

/// The live workers of a queue and their slots.
struct LiveWorkers: Sendable, Hashable {
    var count = 0
    var slots = 0

    /// Counts the workers that sent a heartbeat within the last 15 s and have not stopped.
    init(_ reports: [WorkerReport]) {
        for report in reports where report.sinceHeartbeat < WorkerReport.silence {
            let info = try? JSONValue(report.info)
            guard info?["state"].string != "stopped" else { continue }
            count += 1
            slots += min(max(info?["slots"].int ?? 1, 1), 1_000_000)
        }
    }

    init(count: Int, slots: Int) {
        self.count = count
        self.slots = slots
    }
}

extension WorkerReport {
    /// The silence from which a worker counts as gone.
    package static let silence = Duration.seconds(15)
}

/// How many jobs of a queue finished lately; `perSecond` is `nil` where finished jobs are not kept that long.
struct QueueSpeed: Sendable, Hashable {
    /// The time in which they are counted, in seconds.
    static let span = 60

    var perSecond: Double?

    /// The speed at which `finished` jobs ended within the span.
    init(finished: Int, _ settings: QueueSettings) {
        let isKept = [settings.completed, settings.failed].allSatisfy { $0.age >= .seconds(Self.span) && $0.count > 0 }
        perSecond = isKept ? Double(finished) / Double(Self.span) : nil
    }
}

/// What the caller knows of the workers that are scaled, and wants.
///
/// ```swift
/// let aim = ScalingAim(slotsPerWorker: 8, clearWithin: .seconds(300))
/// ```
public struct ScalingAim: Sendable, Hashable {
    /// The slots of each worker, at least 1; `nil` takes the mean of the live ones, or 1.
    public var slotsPerWorker: Int?
    /// In what time the jobs that wait should have started.
    public var clearWithin: Duration

    /// Creates an aim.
    ///
    /// - Parameters:
    ///   - slotsPerWorker: the slots of each worker; `nil` takes the mean of the live ones, or 1.
    ///   - clearWithin: in what time the jobs that wait should have started; a minute by default.
    public init(slotsPerWorker: Int? = nil, clearWithin: Duration = .seconds(60)) {
        self.slotsPerWorker = slotsPerWorker
        self.clearWithin = clearWithin
    }
}

extension QueueScaling {
    /// Works it out.
    ///
    /// A job takes as long as jobs that run and their speed say (jobs = speed × time). Until a job has finished, each is
    /// given a slot.
    init(_ status: QueueStatus, _ workers: LiveWorkers, _ speed: QueueSpeed, _ aim: ScalingAim) {
        let active = status.jobs[.active] ?? 0
        let waiting = status.jobs[.queued] ?? 0
        // What waits behind a pause or a limit starts no sooner with more workers.
        let allowed = max(0, (status.settings.limit ?? .max) - active)
        let runnable = status.isPaused ? 0 : min(waiting, allowed)
        let each = max(1, aim.slotsPerWorker ?? Self.ceiling(workers.slots, by: max(1, workers.count)))
        workersWanted = Self.ceiling(
            active + Self.slots(for: runnable, active: active, speed.perSecond ?? 0, aim), by: each)
        load = Double(active + runnable) / Double(max(workers.slots, each))
        oldestWait = waiting > 0 ? status.oldestWait : .zero
        timeToClear = waiting == 0 ? .zero : nil
        if waiting > 0, !status.isPaused, let perSecond = speed.perSecond, perSecond > 0 {
            timeToClear = .seconds(Double(waiting) / perSecond)
        }
    }

    /// The slots beside those of running jobs in which waiting ones are started in time.
    private static func slots(for runnable: Int, active: Int, _ perSecond: Double, _ aim: ScalingAim) -> Int {
        guard runnable > 0, perSecond > 0 else { return runnable }
        let seconds = max(1, aim.clearWithin / .seconds(1))
        let needed = Double(runnable) * Double(active) / perSecond / seconds
        return min(runnable, max(active == 0 ? 1 : 0, Int(min(needed.rounded(.up), 1e9))))
    }

    private static func ceiling(_ number: Int, by divisor: Int) -> Int {
        number / divisor + (number % divisor > 0 ? 1 : 0)
    }
}

extension Queue {
    /// How many workers the queue can use.
    ///
    /// Three round trips, and one more for each further 200 workers.
    ///
    /// - Parameter aim: what is known of the workers, and wanted.
    /// - Returns: the answer; `nil` for a queue that does not exist.
    /// - Throws: ``QueueError``.
    public func scaling(_ aim: ScalingAim = ScalingAim()) async throws(QueueError) -> QueueScaling? {
        guard let status = try await status(),
            let parts = try await read(.read, RedisArguments("finished", "\(QueueSpeed.span * 1000)"))
        else { return nil }
        guard parts.count == 3, let finished = parts[2].int else { throw .broken("read", .array(parts)) }
        let speed = QueueSpeed(finished: finished, status.settings)
        return QueueScaling(status, LiveWorkers(try await workers()), speed, aim)
    }
}
