// Asking the store why a job or the jobs of a queue wait.

import FoundationEssentials
public import MartletJobs
import MartletRedis

extension Queue {
    /// Explains why a job waits, by the rules with which claims decide; of other jobs, what has become of them.
    ///
    /// One round trip; it reads neither payload nor output, and changes nothing.
    ///
    /// - Parameter id: the job's id.
    /// - Returns: the explanation; `nil` when there is no such job.
    /// - Throws: ``QueueError``.
    public func explain(_ id: JobID) async throws(QueueError) -> JobExplanation? {
        guard let parts = try await read(.explain, RedisArguments("job", id.description)) else { return nil }
        return try explanation(of: id, parts)
    }

    /// Parses the answer about a job; `nil` for one that is not there.
    func explanation(of id: JobID, _ parts: [RedisValue]) throws(QueueError) -> JobExplanation? {
        guard parts.count > 2 else { return nil }
        guard parts.count > 3, let now = parts[1].int, let facts = parts[3].array else {
            throw .broken("explain", .array(parts))
        }
        guard let job = try JobRecord(parts[2], id: id, queue: name, now: now) else { return nil }
        return JobExplanation(job, Self.words(facts), parts.dropFirst(4).compactMap { KeyObstacle($0) })
    }

    /// Counts the waiting jobs by what they wait for.
    ///
    /// One round trip. Of blocked jobs it looks at the 500 keys that open soonest.
    ///
    /// - Returns: the counts; `nil` when the queue does not exist.
    /// - Throws: ``QueueError``.
    public func explain() async throws(QueueError) -> QueueExplanation? {
        guard let parts = try await read(.explain, RedisArguments("queue")) else { return nil }
        guard parts.count == 4, let facts = parts[2].array, let keys = parts[3].array else {
            throw .broken("explain", .array(parts))
        }
        return QueueExplanation(name, Self.words(facts), keys)
    }
}

/// What holds the jobs of a queue back, as the script `explain` answers it.
private struct QueueFacts {
    var words: [String: String]

    func number(_ name: String) -> Int? { words[name].flatMap { Int(place: $0) } }

    func pause(_ flag: String) -> QueuePause? { QueuePause(flag, in: words) }

    var limit: Int? { number("limit") }
    /// The number of jobs in an index that is not final.
    func count(_ index: JobIndex) -> Int { number("jobs_\(index.rawValue)") ?? 0 }

    var active: Int { count(.active) }

    /// What holds back all jobs of the line.
    var reasons: [WaitReason] {
        var reasons: [WaitReason] = []
        if words["paused_all"] == "1" { reasons.append(.pauseOfAll) }
        if words["paused"] == "1" { reasons.append(.queuePause) }
        if let limit, active >= limit { reasons.append(.queueConcurrency) }
        return reasons
    }
}

extension KeyObstacle {
    /// Parses three lists of the script `explain`; `nil` for what is none.
    init?(_ value: RedisValue) {
        guard let lists = value.array, lists.count == 3, let flat = lists[0].array, let holders = lists[2].array else {
            return nil
        }
        let words = Queue.words(flat)
        guard let name = words["key"], let reason = WaitReason(ofKey: words["reason"]) else { return nil }
        func number(_ word: String) -> Int? { words[word].flatMap { Int(place: $0) } }
        func time(_ word: String) -> Date? { number(word).flatMap { $0 < 0 ? nil : Date(milliseconds: $0) } }
        self.name = name
        self.reason = reason
        weight = number("weight") ?? 1
        standing = number("standing") ?? 0
        ahead = number("ahead") ?? 0
        firstAhead = words["first"].flatMap { JobID(stored: $0) }
        opensAt = time("opens")
        if reason == .limitPause {
            pause = LimitPause(reason: words["pause_reason"], by: words["pause_by"], until: time("pause_until"))
        }
        limit = LimitStatus(lists[1])
        limit?.holders = LimitStatus.holders(holders)
    }
}

extension JobExplanation {
    fileprivate init(_ job: JobRecord, _ words: [String: String], _ keys: [KeyObstacle]) {
        let facts = QueueFacts(words: words)
        id = job.id
        queue = job.queue
        state = job.state
        type = job.type
        isStartable = facts.number("startable") == 1
        ahead = facts.number("rank")
        self.keys = keys
        waitsFor = job.waitsFor
        paused = facts.pause("paused")
        pausedAll = facts.pause("paused_all")
        queueLimit = facts.limit
        active = facts.active
        since = job.finishedAt ?? (job.state == .active ? job.startedAt : nil) ?? job.updatedAt
        dueAt = job.dueAt
        leaseUntil = job.leaseUntil
        wanted = job.wanted
        error = job.error
        readAt = job.readAt
        reasons = []
        reasons = isOver ? [] : facts.reasons + ownReasons
    }

    /// Whether it runs or has finished.
    private var isOver: Bool { state == .active || state.isFinal }

    /// What holds back this job, and not the whole queue.
    private var ownReasons: [WaitReason] {
        switch state {
        case .paused: [.jobPause]
        case .scheduled, .retrying: dueAt.map { $0 > readAt } ?? false ? [.time] : [.line]
        case .blocked where keys.isEmpty: [.opening]
        case .queued where keys.isEmpty: [.line]
        default: WaitReason.allCases.filter { reason in keys.contains { $0.reason == reason } }
        }
    }
}

extension QueueExplanation {
    private static let mostShown = 20

    fileprivate init(_ name: QueueName, _ words: [String: String], _ flat: [RedisValue]) {
        let facts = QueueFacts(words: words)
        let all = stride(from: 0, to: flat.count - 3, by: 4).compactMap { at -> Key? in
            guard let key = flat[at].string, let reason = WaitReason(ofKey: flat[at + 2].string) else { return nil }
            let opens = flat[at + 3].placeInMilliseconds ?? -1
            return Key(
                name: key, waiting: flat[at + 1].placeInMilliseconds ?? 0, reason: reason,
                opensAt: opens < 0 ? nil : Date(milliseconds: opens))
        }
        var waiting: [WaitReason: Int] = [:]
        waiting[facts.reasons.first ?? .line] = facts.count(.queued)
        waiting[.time] = facts.count(.delayed)
        waiting[.jobPause] = facts.count(.paused)
        for key in all { waiting[key.reason, default: 0] += key.waiting }
        queue = name
        self.waiting = waiting.filter { $0.value > 0 }
        keys = Array(all.sorted { ($1.waiting, $0.name) < ($0.waiting, $1.name) }.prefix(Self.mostShown))
        notLookedAt = max(0, facts.count(.blocked) - all.reduce(0) { $0 + $1.waiting })
        paused = facts.pause("paused")
        pausedAll = facts.pause("paused_all")
        queueLimit = facts.limit
        active = facts.active
    }
}
