// Moves a body from the network to the part file: in large writes, hashed and written beside the reading.

import MartletJobs
import NIOCore

struct Pump: Sendable {
    /// How much is gathered before it is handed to a disk thread.
    private static let batchSize = 1 << 20

    private let journal: Journal
    private var writer: PartWriter
    private let context: JobContext
    private let plan: BodyPlan
    private let limit: Int64
    private let configuration: DownloadConfiguration
    private let globalLimit: SharedBucket?
    private let start = ContinuousClock.now

    private var ownLimit: TokenBucket?
    private var meter: RateMeter
    private var batch: [ByteBuffer] = []
    private var batchBytes = 0
    private var batchSince: Duration = .zero
    /// The place behind the last byte that arrived.
    private var offset: Int64
    /// The last piece that was handed over, and the one before it.
    private var writing: EventLoopFuture<Void>?
    private var older: EventLoopFuture<Void>?
    private var saving: Task<Void, any Error>?
    private var savedOffset: Int64
    private var savedAt: Duration = .zero

    init(journal: Journal, context: JobContext, plan: BodyPlan, limit: Int64, house: House) {
        self.journal = journal
        writer = PartWriter(journal.part)
        self.context = context
        self.plan = plan
        self.limit = limit
        configuration = house.configuration
        globalLimit = house.globalLimit
        meter = RateMeter(at: .zero)
        offset = plan.start
        savedOffset = plan.start
    }

    /// The speed limit of this job alone.
    mutating func limitSpeed(to bytesPerSecond: Int64?) {
        ownLimit = bytesPerSecond.map(TokenBucket.init)
    }

    /// Reads the body to its end; what had arrived when it throws has been written.
    mutating func run(_ body: inout BodyReader) async throws {
        do {
            try await readAll(&body)
            try await flush()
            try await settle()
        } catch {
            // The bytes in hand are good unless the disk or the queue was the trouble.
            if !(error is SystemError), !(error is EndedAsItIs) { try? await flush() }
            try? await settle()
            throw error
        }
        report()
    }

    private var now: Duration { ContinuousClock.now - start }

    private mutating func readAll(_ body: inout BodyReader) async throws {
        while let chunk = try await body.next() {
            try context.checkStop()
            if chunk.readableBytes > 0 { try await take(chunk) }
        }
        try context.checkStop()
    }

    private mutating func take(_ chunk: ByteBuffer) async throws {
        let count = chunk.readableBytes
        guard offset + Int64(count) <= limit else { throw DownloadError.tooLarge(limit: limit) }
        configuration.bytesReceived?(count)
        let now = now
        try await saveIfDue(before: count, at: now)
        if batch.isEmpty { batchSince = now }
        batch.append(chunk)
        batchBytes += count
        offset += Int64(count)
        if meter.add(count, at: now) { report() }
        if batchBytes >= Self.batchSize || now - batchSince >= .seconds(1) { try await flush() }
        try await keepToLimits(count, at: now)
    }

    /// Hands the gathered bytes to the disk's threads, which have at most two pieces at a time.
    private mutating func flush() async throws {
        guard !batch.isEmpty else { return }
        let (buffers, count) = (batch, batchBytes)
        batch = []
        batchBytes = 0
        try await older?.get()
        try journal.checkLease()
        older = writing
        writing = writer.append(buffers, count: count)
    }

    private mutating func finishWriting() async throws {
        guard let write = writing else { return }
        writing = nil
        older = nil
        try await write.get()
    }

    /// Saves beside the transfer, twice as often as asked for, and waits for the save before it: so even while a save
    /// is under way no more than one interval's worth of bytes is unsaved.
    private mutating func saveIfDue(before count: Int, at now: Duration) async throws {
        let isDue =
            offset + Int64(count) - savedOffset > configuration.checkpointBytes / 2
            || now - savedAt >= configuration.checkpointInterval / 2
        guard isDue, offset > savedOffset else { return }
        try await flush()
        try await finishSaving()
        savedOffset = offset
        savedAt = now
        saving = journal.beginSave(after: writing)
    }

    private mutating func finishSaving() async throws {
        guard let save = saving else { return }
        saving = nil
        try await save.value
    }

    /// Waits until the disk and the queue have everything that was handed to them.
    private mutating func settle() async throws {
        let save = saving
        saving = nil
        do {
            try await finishWriting()
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
        if wait > .milliseconds(100) { try await flush() }
        try await Task.sleep(for: wait)
    }

    private func report() { context.progress(offset, of: plan.total, rate: meter.rate) }
}
