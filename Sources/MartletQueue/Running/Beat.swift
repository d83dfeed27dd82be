// The beat: one call that extends leases, carries progress and checkpoints, and brings back what operators want.

public import MartletJobs
import MartletRedis

/// What a worker says of one job at a beat.
public struct Beat: Sendable {
    /// The job.
    public var id: JobID
    /// The proof that this worker holds it.
    public var token: String
    /// Only when it changed.
    public var progress: JobProgress?
    /// Only when there is a new one; at most 64 KiB.
    public var checkpoint: [UInt8]?

    /// A beat for one job.
    public init(id: JobID, token: String, progress: JobProgress? = nil, checkpoint: [UInt8]? = nil) {
        self.id = id
        self.token = token
        self.progress = progress
        self.checkpoint = checkpoint
    }
}

/// What the queue said to a beat.
public enum BeatVerdict: Sendable, Hashable {
    /// The worker holds the job for this long, counted from before the beat was sent; a stop may be wanted.
    case held(Duration, wanted: StopReason?)
    /// The worker no longer holds the job.
    case fenced
    /// The job is no longer there.
    case gone
}

/// What the queue said to a batch of beats.
public struct BeatReply: Sendable {
    /// One for each beat, in their order.
    public var verdicts: [BeatVerdict]
    /// Rises whenever a stop was asked of any active job of the queue.
    public var stops: Int
}

extension Queue {
    /// Says that a worker lives and what its jobs have come to.
    ///
    /// Repeating it is safe. One round trip for each 500 jobs.
    ///
    /// `says` is what the worker says of itself, a JSON object; `nil` leaves that as it is.
    public func beat(worker: String, says: String? = nil, _ beats: [Beat]) async throws(QueueError) -> BeatReply {
        var reply = BeatReply(verdicts: [], stops: 0)
        let chunks = beats.isEmpty ? [[]] : beats.chunks(of: Queue.batchLimit)
        for (index, chunk) in chunks.enumerated() {
            var arguments = RedisArguments(index == 0 && says != nil ? worker : "", says ?? "")
            for beat in chunk { beat.append(to: &arguments) }
            let part = try BeatReply(await run(.beat, arguments, ids: chunk.map(\.id)))
            reply.verdicts += part.verdicts
            reply.stops = part.stops
        }
        return reply
    }
}

extension Beat {
    func append(to arguments: inout RedisArguments) {
        arguments.append(id.description)
        arguments.append(token)
        arguments.append(progress?.stored ?? "")
        arguments.append(checkpoint ?? [])
    }
}

extension BeatReply {
    init(_ value: RedisValue) throws(QueueError) {
        guard let parts = value.array, parts.count >= 2, let stops = parts[1].int else { throw .broken("beat", value) }
        self.stops = stops
        verdicts = []
        for part in parts.dropFirst(2) {
            guard let verdict = BeatVerdict(part) else { throw .broken("beat", part) }
            verdicts.append(verdict)
        }
    }
}

extension BeatVerdict {
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
