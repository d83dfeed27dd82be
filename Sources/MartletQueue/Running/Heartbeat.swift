// Heartbeats: one call that extends leases, sends progress and checkpoints, and returns stop requests.

public import MartletJobs
import MartletRedis

/// A worker's heartbeat for one job.
///
/// ```swift
/// let reply = try await queue.heartbeat(
///     worker: worker, [Heartbeat(id: job.id, token: job.token, progress: JobProgress(completed: 3))])
/// ```
public struct Heartbeat: Sendable {
    /// The job's id.
    public var id: JobID
    /// The claim token that proves the lease.
    public var token: String
    /// The progress, if it changed.
    public var progress: JobProgress?
    /// The checkpoint, if there is a new one; at most 64 KiB.
    public var checkpoint: [UInt8]?

    /// Creates a heartbeat.
    ///
    /// - Parameters:
    ///   - id: the job's id.
    ///   - token: the claim token that proves the lease.
    ///   - progress: the progress, if it changed.
    ///   - checkpoint: the checkpoint, if there is a new one; at most 64 KiB.
    public init(id: JobID, token: String, progress: JobProgress? = nil, checkpoint: [UInt8]? = nil) {
        self.id = id
        self.token = token
        self.progress = progress
        self.checkpoint = checkpoint
    }
}

/// The queue's answer to a heartbeat.
///
/// ```swift
/// for verdict in reply.verdicts {
///     switch verdict {
///     case .held(_, let wanted): if let wanted { print("stop the job: \(wanted)") }
///     case .fenced, .gone: print("stop all side effects: the lease is lost")
///     }
/// }
/// ```
public enum HeartbeatVerdict: Sendable, Hashable {
    /// The worker holds the job for this long, counted from before the heartbeat was sent; a stop may be requested.
    case held(Duration, wanted: StopReason?)
    /// The worker no longer holds the job.
    case fenced
    /// The job no longer exists.
    case gone
}

/// The queue's answer to a batch of heartbeats.
public struct HeartbeatReply: Sendable {
    /// One answer per heartbeat, in order.
    public var verdicts: [HeartbeatVerdict]
    /// Increases whenever a stop is requested for any active job of the queue.
    public var stops: Int
}

extension Queue {
    /// Reports that a worker is alive, and the state of its jobs.
    ///
    /// Repeating it is safe. One round trip per 500 jobs.
    ///
    /// - Parameters:
    ///   - worker: the worker's id.
    ///   - info: a JSON object with the worker's information; `nil` leaves it unchanged.
    ///   - lease: how long the jobs are held from now on, 50 ms to 15 min; `nil` for the queue's lease.
    ///   - heartbeats: one per running job.
    /// - Returns: the answers.
    /// - Throws: ``QueueError``.
    public func heartbeat(
        worker: String, info: String? = nil, lease: Duration? = nil, _ heartbeats: [Heartbeat]
    ) async throws(QueueError) -> HeartbeatReply {
        try await heartbeat(worker: worker, info: info, lease: lease, times: nil, heartbeats)
    }

    /// The same, with how long jobs waited and ran that the worker had.
    ///
    /// Times that were certainly not sent go back to where they came from; if that is unknown, they are lost.
    package func heartbeat(
        worker: String, info: String? = nil, lease: Duration? = nil, times: TimeReport?, _ heartbeats: [Heartbeat]
    ) async throws(QueueError) -> HeartbeatReply {
        var reply = HeartbeatReply(verdicts: [], stops: 0)
        let chunks = heartbeats.isEmpty ? [[]] : heartbeats.chunks(of: Queue.batchLimit)
        for (index, chunk) in chunks.enumerated() {
            var arguments = RedisArguments(index == 0 && info != nil ? worker : "", info ?? "")
            for heartbeat in chunk { heartbeat.append(to: &arguments) }
            let lines = index == 0 ? times?.lines : nil
            if let lease {
                arguments.append(lease.inMilliseconds)
            } else if lines != nil {
                arguments.append("")
            }
            if let lines { arguments.append(lines) }
            let part: HeartbeatReply
            do throws(QueueError) {
                part = try HeartbeatReply(await run(.heartbeat, arguments, ids: chunk.map(\.id)))
            } catch {
                if lines != nil, error.isNotExecuted { times?.restore() }
                throw error
            }
            reply.verdicts += part.verdicts
            reply.stops = part.stops
        }
        return reply
    }
}

extension Queue {
    /// Sends how long jobs waited and ran, of workers that send no heartbeats themselves; no queue is created for them.
    package func report(_ times: TimeReport) async throws(QueueError) {
        guard let lines = times.lines else { return }
        _ = try await read(.heartbeat, RedisArguments("", "", "", lines))
    }
}

extension Heartbeat {
    func append(to arguments: inout RedisArguments) {
        arguments.append(id.description)
        arguments.append(token)
        arguments.append(progress?.stored ?? "")
        arguments.append(checkpoint ?? [])
    }
}

extension HeartbeatReply {
    init(_ value: RedisValue) throws(QueueError) {
        guard let parts = value.array, parts.count >= 2, let stops = parts[1].int else {
            throw .broken("heartbeat", value)
        }
        self.stops = stops
        verdicts = []
        for part in parts.dropFirst(2) {
            guard let verdict = HeartbeatVerdict(part) else { throw .broken("heartbeat", part) }
            verdicts.append(verdict)
        }
    }
}

extension HeartbeatVerdict {
    init?(_ value: RedisValue) {
        if let left = value.int {
            self = left == -1 ? .fenced : left == -2 ? .gone : .held(.milliseconds(left), wanted: nil)
            return
        }
        guard let parts = value.array, parts.count == 2, let left = parts[0].int,
            let wanted = parts[1].string.flatMap(StopReason.init)
        else { return nil }
        self = .held(.milliseconds(left), wanted: wanted)
    }
}
