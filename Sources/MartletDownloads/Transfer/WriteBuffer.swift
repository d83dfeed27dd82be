// Collects received bytes into large writes, and reports how many are on disk.

import MartletJobs
import NIOCore
import NIOPosix
import Synchronization

/// The bytes of a transfer between the network and the part file.
///
/// A timer runs four times per second, so that bytes are written and progress is reported even when the server sends
/// nothing.
final class WriteBuffer: Sendable {
    /// The size at which collected bytes are passed to a disk thread.
    private static let pieceSize = 1 << 20
    private static let interval = Duration.milliseconds(250)

    private let checkpoints: CheckpointWriter
    private let context: JobContext
    private let total: Int64?
    private let start = ContinuousClock.now
    private let state: Mutex<State>

    private struct State {
        var writer: PartWriter
        var batch: [ByteBuffer] = []
        var batchBytes = 0
        var batchSince: Duration = .zero
        /// The last piece passed on, and the one before it.
        var writing: EventLoopFuture<Void>?
        var older: EventLoopFuture<Void>?
        var meter = RateMeter(at: .zero)
        /// The number of bytes on disk that the rate meter has counted.
        var counted: Int64
        var isOver = false

        mutating func flush() {
            guard !batch.isEmpty else { return }
            older = writing
            writing = writer.append(batch, count: batchBytes)
            batch = []
            batchBytes = 0
        }
    }

    /// Creates a buffer that continues the part; `total` is the size of the whole file, if known.
    init(checkpoints: CheckpointWriter, context: JobContext, total: Int64?) {
        self.checkpoints = checkpoints
        self.context = context
        self.total = total
        state = Mutex(State(writer: PartWriter(checkpoints.part), counted: checkpoints.part.offset))
    }

    /// Adds a chunk; returns true when there is enough for a write.
    func add(_ chunk: ByteBuffer) -> Bool {
        state.withLock { state in
            if state.batch.isEmpty { state.batchSince = now }
            state.batch.append(chunk)
            state.batchBytes += chunk.readableBytes
            return state.batchBytes >= Self.pieceSize
        }
    }

    /// Passes collected bytes to the disk threads, which hold at most two pieces at a time.
    func flush() async throws {
        try await state.withLock { $0.older }?.get()
        try checkpoints.checkLease()
        state.withLock { $0.flush() }
    }

    /// Completes when everything passed on is written and hashed.
    var writing: EventLoopFuture<Void>? { state.withLock { $0.writing } }

    /// Starts the timer; ``stop(_:)`` ends it.
    func startTimer() -> RepeatedTask {
        MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(
            initialDelay: Self.interval.asTimeAmount, delay: Self.interval.asTimeAmount
        ) { [weak self] _ in self?.tick() }
    }

    /// Ends the timer and reports the final progress.
    func stop(_ timer: RepeatedTask) {
        timer.cancel()
        state.withLock { state in
            state.isOver = true
            report(&state)
        }
    }

    private var now: Duration { ContinuousClock.now - start }

    private func tick() {
        state.withLock { state in
            guard !state.isOver, context.stopReason != .leaseLost else { return }
            if now - state.batchSince >= Self.interval { state.flush() }
            report(&state)
        }
    }

    /// Only written and hashed bytes count as progress.
    private func report(_ state: inout State) {
        let count = checkpoints.part.offset
        _ = state.meter.add(Int(clamping: count - state.counted), at: now)
        state.counted = count
        context.progress(count, of: total, rate: state.meter.rate)
    }
}
