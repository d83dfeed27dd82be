// Gathers what arrives into large writes, and says how much of it is on disk.

import MartletJobs
import NIOCore
import NIOPosix
import Synchronization

/// The bytes of one transfer between the network and the part file.
///
/// A timer looks at it four times a second, so that bytes reach the disk, and progress its reader, also while the server
/// sends nothing more.
final class WriteBuffer: Sendable {
    /// How much is gathered before it is handed to a disk thread.
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
        /// The last piece that was handed over, and the one before it.
        var writing: EventLoopFuture<Void>?
        var older: EventLoopFuture<Void>?
        var meter = RateMeter(at: .zero)
        /// How many bytes on disk the meter knows of.
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

    /// For bytes that follow those in the journal's part; `total` is the whole file's size where it is known.
    init(checkpoints: CheckpointWriter, context: JobContext, total: Int64?) {
        self.checkpoints = checkpoints
        self.context = context
        self.total = total
        state = Mutex(State(writer: PartWriter(checkpoints.part), counted: checkpoints.part.offset))
    }

    /// Takes a chunk; true when there is enough for a write.
    func add(_ chunk: ByteBuffer) -> Bool {
        state.withLock { state in
            if state.batch.isEmpty { state.batchSince = now }
            state.batch.append(chunk)
            state.batchBytes += chunk.readableBytes
            return state.batchBytes >= Self.pieceSize
        }
    }

    /// Hands what was gathered to the disk's threads, which have at most two pieces at a time.
    func flush() async throws {
        try await state.withLock { $0.older }?.get()
        try checkpoints.checkLease()
        state.withLock { $0.flush() }
    }

    /// Done when everything that was handed over was written and hashed.
    var writing: EventLoopFuture<Void>? { state.withLock { $0.writing } }

    /// Starts the timer; ``stop(_:)`` ends it.
    func startTimer() -> RepeatedTask {
        MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(
            initialDelay: Self.interval.asTimeAmount, delay: Self.interval.asTimeAmount
        ) { [weak self] _ in self?.tick() }
    }

    /// Ends the timer and says the last progress: nothing is reported after it.
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

    /// Only bytes that were written and hashed count as progress.
    private func report(_ state: inout State) {
        let count = checkpoints.part.offset
        _ = state.meter.add(Int(clamping: count - state.counted), at: now)
        state.counted = count
        context.progress(count, of: total, rate: state.meter.rate)
    }
}
