// The reference model: a queue in plain values, written from the design and independent of the scripts.

import MartletJobs

@testable import MartletQueue

/// A queue in plain values.
///
/// Its clock does not advance between operations, so every position, lease and due time is known to the millisecond.
struct Model {
    /// The claim token of a job, or what is left of it.
    enum Token: Equatable {
        case none, live(String), settled(String), reaped
    }

    struct Job {
        var type: String
        var payload: [UInt8]
        var priority = 0
        var maxRetries = 3
        var timeout: Int?
        var uniqueKey: String?
        var digest: String?
        var trace: String?
        var createdAt: Int?
        /// The index that holds it, and its score there.
        var index = JobIndex.queued
        var score = 0.0
        /// The position that it left.
        var place: Double?
        var claimedAt: Int?
        var claims = 0
        var token = Token.none
        var failures = 0
        var lost = 0
        /// The number of losses before the last accepted checkpoint.
        var lostBefore = 0
        var error: String?
        /// The attempts that failed and the payloads that were replaced, as they are stored; the latest first.
        var past: [String] = []
        var earlier: [String] = []
        var unknownSince: Int?
        var output: [UInt8]?
        var progress: String?
        /// When the visible state last changed, unless other fields show it.
        var changedAt: Int?
        var checkpoint: [UInt8]?
        var wanted: (stop: StopReason, since: Int)?
        var limits: [Weighted] = []
        /// The keys that a claim took without the job's naming them, and which claim.
        var implicit: (claims: Int, keys: [Weighted])?
        /// The key that it waits or waited for.
        var waitsFor: Weighted?

        var state: JobState {
            switch index {
            case .queued: .queued
            case .blocked: .blocked
            case .delayed: claims > 0 ? .retrying : .scheduled
            case .active: .active
            case .paused: .paused
            case .completed: .completed
            case .failed: .failed
            case .cancelled: .cancelled
            }
        }

        /// The losses that count towards poison.
        var lostInARow: Int { max(0, lost - lostBefore) }
        var storedLost: String { lostBefore > 0 ? "\(lost) \(lostBefore)" : "\(lost)" }

        /// The token as it is stored, without the star.
        var storedToken: String? {
            switch token {
            case .none: nil
            case .live(let nonce): "\(claims):\(nonce)"
            case .settled(let nonce): "-\(claims):\(nonce)"
            case .reaped: "-\(claims):"
            }
        }
    }

    struct LastClaim: Equatable {
        var number: Int
        var nonce: String
        var ids: [String]
    }

    struct Tombstone: Equatable {
        var until: Int
        var digest: String
    }

    struct Pause: Equatable {
        var reason: String
        var by: String
        var at: Int
    }

    var now: Int
    var clock: LastPlace?
    /// The last position given to a due job with a priority.
    var promoted: Double?
    var call = CallState()
    var jobs: [String: Job] = [:]
    var settings: [String: Int] = [:]
    var counts: [String: Int] = [:]
    var unique: [String: String] = [:]
    var tombstones: [String: Tombstone] = [:]
    var claims: [String: LastClaim] = [:]
    var workers: [String: String] = [:]
    var heartbeatTimes: [String: Int] = [:]
    /// The noted number of the last claim of each worker without heartbeats.
    var notedClaims: [String: Int] = [:]
    var swept: Int?
    var grace = 0
    var pause: Pause?
    var pauseOfAll: Pause?
    var globalVersion = 0
    var limits: [String: Limit] = [:]
    /// What the plan says of them.
    var limited = 0
    /// When the next start of a key is due in theory.
    var starts: [String: Double] = [:]
    /// When the keys that jobs wait for open by time.
    var opens: [String: Double] = [:]
    /// Whether jobs waited for any key when the settlements of this call began.
    var hadWaiters = false
    /// The keys that are held, until when, and why.
    var holds: [String: (until: Int, reason: String)] = [:]
    /// The keys that this operation has touched.
    var touched: Set<String> = []
    /// Whether the last operation put a job at the head of the delayed ones.
    var hasNewHead = false
    /// The first time for which the last operation noted that a key opens, unless its caller waits for that.
    var notedOpening: Double?
    /// Whether the last operation was a claim that reached the end of the queue.
    var sawEnd = false

    init(now: Int) { self.now = now }
}

extension Model {
    var step: Int { settings["step"] ?? 1 << 42 }
    var lease: Int { settings["lease"] ?? 30_000 }
    var limit: Int { settings["limit"] ?? 0 }
    var isHalted: Bool { pause != nil || pauseOfAll != nil }
    var stops: Int { counts["stops"] ?? 0 }

    func retention(_ index: JobIndex) -> (age: Int, count: Int) {
        (settings["\(index)_age"] ?? 86_400_000, settings["\(index)_count"] ?? 100_000)
    }

    /// The ids of an index in its order.
    func line(_ index: JobIndex) -> [String] {
        jobs.filter { $0.value.index == index }.sorted { ($0.value.score, $0.key) < ($1.value.score, $1.key) }
            .map(\.key)
    }

    func count(_ index: JobIndex) -> Int { jobs.count { $0.value.index == index } }

    var nextDue: Int? { line(.delayed).first.flatMap { jobs[$0]?.score }.map { max(0, Int($0.rounded(.down)) - now) } }

    mutating func count(_ name: String, _ by: Int = 1) { counts[name, default: 0] += by }

    // MARK: Shared transitions

    /// Queues a job at a position.
    mutating func queue(_ id: String, at place: Double) {
        let score = place - Double(jobs[id]?.priority ?? 0) * Double(step)
        if jobs[id]?.index != .queued { leaveLimits(id) }
        jobs[id]?.index = .queued
        jobs[id]?.score = score
    }

    /// Queues a job as of now, behind all earlier ones.
    mutating func lineUp(_ id: String) { queue(id, at: nextPlace(jobs[id]?.priority ?? 0)) }

    mutating func delay(_ id: String, until due: Double) {
        leaveLimits(id)
        jobs[id]?.index = .delayed
        jobs[id]?.score = due
        if line(.delayed).first == id { hasNewHead = true }
    }

    mutating func setAside(_ id: String, place: Double) {
        jobs[id]?.place = place
        leaveLimits(id)
        jobs[id]?.index = .paused
        jobs[id]?.score = Double(now)
    }

    /// Finishes a job; false when such jobs are not kept.
    @discardableResult
    mutating func finish(_ id: String, as index: JobIndex) -> Bool {
        guard let job = jobs[id] else { return false }
        if let key = job.uniqueKey, unique[key] == id { unique[key] = nil }
        jobs[id]?.wanted = nil
        count("\(index)")
        leaveLimits(id)
        let (age, most) = retention(index)
        guard age > 0, most > 0 else {
            forget(id)
            return false
        }
        jobs[id]?.index = index
        jobs[id]?.score = Double(now)
        return true
    }

    /// Records an attempt that failed.
    mutating func record(_ id: String, _ how: String, _ error: String, by worker: String? = nil) {
        guard let job = jobs[id] else { return }
        let since = job.claimedAt.map(String.init) ?? ""
        let entry = [how, "\(now)", since, worker ?? "", error].joined(separator: "\u{1F}")
        jobs[id]?.past = Array(([entry] + job.past).prefix(10))
    }

    /// Gives a job another payload.
    mutating func replacePayload(_ id: String, _ payload: [UInt8]) {
        guard let job = jobs[id] else { return }
        jobs[id]?.payload = payload
        guard job.payload != payload else { return }
        let text = job.payload.count <= 4096 ? String(decoding: job.payload, as: UTF8.self) : ""
        let entry = ["\(now)", "\(job.payload.count)", text].joined(separator: "\u{1F}")
        jobs[id]?.earlier = Array(([entry] + job.earlier).prefix(3))
    }

    mutating func forget(_ id: String) {
        if let digest = jobs[id]?.digest { tombstones[id] = Tombstone(until: now + 86_400_000, digest: digest) }
        jobs[id] = nil
        count("deleted")
    }

    /// The finished jobs beyond their age, or beyond the count and older than a minute.
    func overdue(_ index: JobIndex, atMost most: Int) -> [String] {
        let (age, keep) = retention(index)
        let line = line(index)
        let old = line.prefix { (jobs[$0]?.score ?? 0) <= Double(now - age) }.prefix(most)
        let excess = min(most, line.count - keep)
        guard excess > old.count else { return Array(old) }
        return Array(line.prefix { (jobs[$0]?.score ?? 0) <= Double(now - 60_000) }.prefix(excess))
    }
}
