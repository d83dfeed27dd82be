// Moves a body from the network to the part file: in large writes, hashed and written beside the reading.

import MartletJobs
import NIOCore

struct Pump: Sendable {
    private let journal: Journal
    private let gatherer: Gatherer
    private let context: JobContext
    private let plan: BodyPlan
    private let limit: Int64
    private let configuration: DownloadConfiguration
    private let globalLimit: SharedBucket?
    private let start = ContinuousClock.now

    private var ownLimit: TokenBucket?
    /// The place behind the last byte that arrived.
    private var offset: Int64
    private var saving: Task<Void, any Error>?
    private var savedOffset: Int64
    private var savedAt: Duration = .zero

    init(journal: Journal, context: JobContext, plan: BodyPlan, limit: Int64, house: House) {
        self.journal = journal
        gatherer = Gatherer(journal: journal, context: context, total: plan.total)
        self.context = context
        self.plan = plan
        self.limit = limit
        configuration = house.configuration
        globalLimit = house.globalLimit
        offset = plan.start
        savedOffset = plan.start
    }

    /// The speed limit of this job alone.
    mutating func limitSpeed(to bytesPerSecond: Int64?) {
        ownLimit = bytesPerSecond.map(TokenBucket.init)
    }

    /// Reads the body to its end; what had arrived when it throws has been written.
    mutating func run(_ body: inout BodyReader) async throws {
        let timer = gatherer.startTimer()
        defer { gatherer.stop(timer) }
        do {
            try await readAll(&body)
            try await gatherer.flush()
            try await settle()
        } catch {
            // The bytes in hand are good unless the disk or the queue was the trouble.
            if !(error is SystemError), !(error is EndedAsItIs) { try? await gatherer.flush() }
            try? await settle()
            throw error
        }
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
        guard Int64(count) <= limit - offset else { throw DownloadError.tooLarge(limit: limit) }
        if let end = plan.end, Int64(count) > end - offset { throw DownloadError.tooLong(end: end) }
        configuration.bytesReceived?(count)
        let now = now
        try await saveIfDue(before: count, at: now)
        offset += Int64(count)
        if gatherer.add(chunk) { try await gatherer.flush() }
        try await keepToLimits(count, at: now)
    }

    /// Saves beside the transfer, twice as often as asked for, and waits for the save before it: so even while a save
    /// is under way no more than one interval's worth of bytes is unsaved.
    private mutating func saveIfDue(before count: Int, at now: Duration) async throws {
        let isDue =
            offset + Int64(count) - savedOffset > configuration.checkpointBytes / 2
            || now - savedAt >= configuration.checkpointInterval / 2
        guard isDue, offset > savedOffset else { return }
        try await gatherer.flush()
        try await finishSaving()
        savedOffset = offset
        savedAt = now
        saving = journal.beginSave(after: gatherer.writing)
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
            try await gatherer.writing?.get()
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
        if wait > .milliseconds(100) { try await gatherer.flush() }
        try await Task.sleep(for: wait)
    }
}
