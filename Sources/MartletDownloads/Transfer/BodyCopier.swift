// Copies a response body to the part file: large writes, hashed in parallel with reading.

import MartletJobs
import NIOCore

struct BodyCopier: Sendable {
    private let checkpoints: CheckpointWriter
    private let writeBuffer: WriteBuffer
    private let context: JobContext
    private let plan: BodyPlan
    private let limit: Int64
    private let configuration: DownloadConfiguration
    private let globalLimit: SharedBucket?
    private let start = ContinuousClock.now

    private var ownLimit: TokenBucket?
    /// The position after the last received byte.
    private var offset: Int64
    private var saving: Task<Void, any Error>?
    private var savedOffset: Int64
    private var savedAt: Duration = .zero

    init(
        checkpoints: CheckpointWriter, context: JobContext, plan: BodyPlan, limit: Int64,
        dependencies: DownloadDependencies
    ) {
        self.checkpoints = checkpoints
        writeBuffer = WriteBuffer(checkpoints: checkpoints, context: context, total: plan.total)
        self.context = context
        self.plan = plan
        self.limit = limit
        configuration = dependencies.configuration
        globalLimit = dependencies.globalLimit
        offset = plan.start
        savedOffset = plan.start
    }

    /// Sets the speed limit of this job.
    mutating func limitSpeed(to bytesPerSecond: Int64?) {
        ownLimit = bytesPerSecond.map(TokenBucket.init)
    }

    /// Reads the body to its end; on an error, everything received before it has been written.
    mutating func run(_ body: inout ResponseBodyReader) async throws {
        let timer = writeBuffer.startTimer()
        defer { writeBuffer.stop(timer) }
        do {
            try await readAll(&body)
            try await writeBuffer.flush()
            try await settle()
        } catch {
            // Received bytes are valid unless the disk or the queue failed.
            if !(error is SystemError), !(error is CheckpointRejected) { try? await writeBuffer.flush() }
            try? await settle()
            throw error
        }
    }

    private var now: Duration { ContinuousClock.now - start }

    private mutating func readAll(_ body: inout ResponseBodyReader) async throws {
        while let chunk = try await body.next() {
            try context.checkStop()
            if chunk.readableBytes > 0 { try await take(chunk) }
        }
        try context.checkStop()
    }

    private mutating func take(_ chunk: ByteBuffer) async throws {
        let count = chunk.readableBytes
        guard Int64(count) <= limit - offset else { throw DownloadError.tooLarge(limit: limit) }
        if let end = plan.end, Int64(count) > end - offset { throw DownloadError.tooLong(end: end) }
        configuration.bytesReceived?(count)
        let now = now
        try await saveIfDue(before: count, at: now)
        offset += Int64(count)
        if writeBuffer.add(chunk) { try await writeBuffer.flush() }
        try await keepToLimits(count, at: now)
    }

    /// Saves in parallel with the transfer, twice per interval, after the previous save has finished.
    ///
    /// So even during a save, at most one interval of bytes is unsaved.
    private mutating func saveIfDue(before count: Int, at now: Duration) async throws {
        let isDue =
            offset + Int64(count) - savedOffset > configuration.checkpointBytes / 2
            || now - savedAt >= configuration.checkpointInterval / 2
        guard isDue, offset > savedOffset else { return }
        try await writeBuffer.flush()
        try await finishSaving()
        savedOffset = offset
        savedAt = now
        saving = checkpoints.beginSave(after: writeBuffer.writing)
    }

    private mutating func finishSaving() async throws {
        guard let save = saving else { return }
        saving = nil
        try await save.value
    }

    /// Waits until disk and queue have everything passed to them.
    private mutating func settle() async throws {
        let save = saving
        saving = nil
        do {
            try await writeBuffer.writing?.get()
        } catch {
            _ = await save?.result
            throw error
        }
        try await save?.value
    }

    private mutating func keepToLimits(_ count: Int, at now: Duration) async throws {
        let own = ownLimit?.take(count, at: now) ?? .zero
        let shared = globalLimit?.take(count) ?? .zero
        let wait = max(own, shared)
        guard wait > .zero else { return }
        if wait > .milliseconds(100) { try await writeBuffer.flush() }
        try await Task.sleep(for: wait)
    }
}
