// The reference for limits: keys of jobs, which have capacity, who waits, and when a key opens.

import MartletJobs

@testable import MartletQueue

extension Model {
    /// A limit, as it is stored.
    struct Limit: Equatable {
        var concurrency: Int?
        /// So many starts in so many ms, so many of them at once.
        var rate: (count: Int, per: Int, burst: Int)?
        /// Nothing starts; until then, if it is said.
        var paused: (isPaused: Bool, until: Int?) = (false, nil)

        static func == (left: Limit, right: Limit) -> Bool { left.text == right.text }

        var text: String {
            var words: [String] = []
            if let concurrency { words.append("c=\(concurrency)") }
            if let rate { words.append("n=\(rate.count) per=\(rate.per) burst=\(rate.burst)") }
            if paused.isPaused { words.append("paused=1") }
            if let until = paused.until { words.append("until=\(until)") }
            return words.joined(separator: " ")
        }
    }

    /// A key with a weight.
    struct Weighted: Equatable {
        var key: String
        var weight: Int
    }

    // MARK: Facts

    private static func kind(_ key: String) -> String { key.prefix { $0 != ":" } + ":*" }

    func limit(of key: String) -> (name: String, limit: Limit)? {
        let name = [key, Self.kind(key)].first { limits[$0] != nil }
        let stored = name.flatMap { limits[$0] }
        guard limited & 32 == 32, let end = holdEnd(of: key) else {
            return stored.flatMap { limit in name.map { ($0, limit) } }
        }
        var limit = stored ?? Limit()
        let closed = max(Double(end), closedUntil(limit) ?? 0)
        limit.paused = (true, closed == .infinity ? nil : Int(closed))
        return (name ?? key, limit)
    }

    /// When the hold of a key ends, if it has one.
    func holdEnd(of key: String) -> Int? {
        guard let until = holds[key]?.until, until > now, until <= now + 2 * 86_400_000 else { return nil }
        return until
    }

    /// The weight with which a job has a key.
    func weight(of key: String, in job: Job) -> Int? {
        job.limits.first { $0.key == key }?.weight ?? (key == "type:\(job.type)" ? 1 : nil)
    }

    /// The limit by which a push is measured: that of the key, unless it is only paused.
    private func base(of key: String) -> (name: String, limit: Limit)? {
        for name in [key, Self.kind(key)] {
            if let limit = limits[name], limit.concurrency != nil || limit.rate != nil { return (name, limit) }
        }
        return nil
    }

    var limitsTypes: Bool { limited & 2 == 2 }

    /// The keys that a job takes when it is claimed.
    func keys(of job: Job) -> [Weighted] {
        job.limits + keys(ofType: job.type)
    }

    /// The key of a type, where the queue limits any.
    func keys(ofType type: String) -> [Weighted] {
        limitsTypes ? [Weighted(key: "type:\(type)", weight: 1)] : []
    }

    /// The keys that a running job holds.
    private func held(_ job: Job) -> [Weighted] {
        job.limits + (job.implicit?.claims == job.claims ? job.implicit?.keys ?? [] : [])
    }

    func usage() -> [String: Int] {
        var sums: [String: Int] = [:]
        for job in jobs.values where job.index == .active {
            for one in held(job) {
                sums[one.key, default: 0] += one.weight
            }
        }
        return sums
    }

    func standing() -> [String: Int] {
        var sums: [String: Int] = [:]
        for job in jobs.values where job.index == .queued {
            if let one = job.waitsFor { sums[one.key, default: 0] += one.weight }
        }
        return sums
    }

    /// The waiters of a key, the first one first.
    func waiters(of key: String) -> [String] { line(.blocked).filter { jobs[$0]?.waitsFor?.key == key } }

    func closedUntil(_ limit: Limit) -> Double? {
        guard limit.paused.isPaused else { return nil }
        let until = limit.paused.until.map(Double.init) ?? .infinity
        return until > Double(now) ? until : nil
    }

    func hasRoom(_ limit: Limit, _ one: Weighted, others: Int) -> Bool {
        if closedUntil(limit) != nil { return false }
        if let most = limit.concurrency, (usage()[one.key] ?? 0) + others + one.weight > most { return false }
        guard let rate = limit.rate else { return true }
        let interval = Double(rate.per) / Double(rate.count)
        let ahead = Double(others + one.weight - rate.burst) * interval
        return max(starts[one.key] ?? 0, Double(now)) + ahead <= Double(now)
    }

    private func opening(_ limit: Limit?, _ one: Weighted, others: Int) -> Double {
        let now = Double(now)
        guard let limit else { return now }
        var at = now
        if let until = closedUntil(limit) {
            at = until
        } else if let most = limit.concurrency, (usage()[one.key] ?? 0) + others + one.weight > most {
            at = .infinity
        } else if let rate = limit.rate {
            let ahead = Double(others + one.weight - rate.burst) * (Double(rate.per) / Double(rate.count))
            at = ahead > 0 ? .infinity : max(now, ((starts[one.key] ?? 0) + ahead).rounded(.up))
        }
        return min(at, closedUntil(limit) ?? .infinity)
    }

    /// The first key that has no capacity for a job with this score, or that another job waits for further ahead.
    func obstacle(_ id: String, _ keys: [Weighted], score: Double) -> Weighted? {
        guard limited > 0 else { return nil }
        return keys.first { one in
            guard let limit = self.limit(of: one.key)?.limit else { return false }
            if !hasRoom(limit, one, others: 0) { return true }
            guard let head = waiters(of: one.key).first, head != id, let job = jobs[head] else { return false }
            return (job.score, head) < (score, id)
        }
    }

    /// What starts under another rate have left counts for no more than starts under this one can have left.
    mutating func bound(_ key: String) {
        guard limited > 0, let start = starts[key], let rate = limit(of: key)?.limit.rate else { return }
        let interval = Double(rate.per) / Double(rate.count)
        let most = Double(now) + Double(rate.burst) * interval
        guard start > most else { return }
        starts[key] = most
        touch(key)
    }

    /// The start of a job does not count, as its worker does not know its type.
    mutating func takeBackStart(of job: Job) {
        for one in held(job) {
            bound(one.key)
            guard limited > 0, let start = starts[one.key], let rate = limit(of: one.key)?.limit.rate else { continue }
            starts[one.key] = max(0, start - Double(one.weight) * (Double(rate.per) / Double(rate.count)))
        }
    }

    /// The limit of which a job weighs too much.
    func tooSmall(_ keys: [Weighted]) -> String? {
        guard limited > 0 else { return nil }
        for one in keys where one.weight > 1 {
            guard let (name, limit) = base(of: one.key) else { continue }
            if let most = limit.concurrency, most > 0, one.weight > most { return name }
            if let rate = limit.rate, one.weight > rate.burst { return name }
        }
        return nil
    }

    // MARK: Changes

    /// Holds a key, unless it is held for longer.
    mutating func hold(_ key: String, for wait: Int, _ reason: String) {
        let till = now + min(max(1, wait), 86_400_000)
        if let was = holdEnd(of: key), was >= till { return }
        holds[key] = (till, reason)
        let isCounted = limited & 32 == 32 && (limitsTypes || !key.hasPrefix("type:"))
        if !isCounted { limited = mask(hasWaiters: hadWaiters) }
        touch(key)
    }

    mutating func touch(_ key: String?) {
        if let key { touched.insert(key) }
    }

    /// A job leaves `active`, the line or `blocked`; called before its index changes.
    mutating func leaveLimits(_ id: String) {
        guard let job = jobs[id] else { return }
        if job.index == .active {
            for one in held(job) { touch(one.key) }
        } else if job.index == .queued || job.index == .blocked {
            touch(job.waitsFor?.key)
            jobs[id]?.waitsFor = nil
        }
    }

    /// A job of the line takes its keys, or waits for one; says whether it may run.
    mutating func admit(_ id: String) -> Bool {
        guard let job = jobs[id] else { return false }
        let keys = keys(of: job)
        for one in keys { bound(one.key) }
        touch(job.waitsFor?.key)
        if let one = obstacle(id, keys, score: job.score) {
            jobs[id]?.index = .blocked
            jobs[id]?.waitsFor = one
            expectWaiter(one.key)
            return false
        }
        jobs[id]?.waitsFor = nil
        for one in keys where limited > 0 {
            guard let rate = limit(of: one.key)?.limit.rate else { continue }
            let interval = Double(rate.per) / Double(rate.count)
            starts[one.key] = max(starts[one.key] ?? 0, Double(now)) + Double(one.weight) * interval
            touch(one.key)
        }
        let implicit = self.keys(ofType: job.type)
        if limitsTypes { jobs[id]?.implicit = (job.claims + 1, implicit) }
        return true
    }

    mutating func expectWaiter(_ key: String) {
        if opens[key] == nil { opens[key] = 0 }
        touch(key)
    }

    /// Brings waiters of the touched keys into line, as many as fit; says how many.
    @discardableResult
    mutating func reopen() -> Int {
        defer { touched = [] }
        guard limited > 0 else { return 0 }
        var count = 0
        for key in touched { bound(key) }
        for key in touched.sorted() where opens[key] != nil {
            let limit = self.limit(of: key)?.limit
            for id in waiters(of: key) {
                guard let one = jobs[id]?.waitsFor else { continue }
                guard limit.map({ hasRoom($0, one, others: standing()[key] ?? 0) }) ?? true else { break }
                jobs[id]?.index = .queued
                count += 1
            }
            let at = waiters(of: key).first.flatMap { jobs[$0]?.waitsFor }
                .map { opening(limit, $0, others: standing()[key] ?? 0) }
            if let at, at < .infinity, at != opens[key] { notedOpening = min(notedOpening ?? at, at) }
            opens[key] = at
        }
        return count
    }

    /// Touches the keys whose time has come.
    mutating func touchDue() {
        if limited > 0 { for (key, at) in opens where at <= Double(now) { touch(key) } }
    }

    /// What a sweep does about limits, when its other changes are made.
    mutating func sweepLimits() {
        if limited > 0 {
            for key in opens.keys { touch(key) }
            starts = starts.filter { $0.value > Double(now) }
            if limited & 32 == 32 { for key in holds.keys where holdEnd(of: key) == nil { holds[key] = nil } }
        }
        reopen()
        if limited >= 16 { limited = mask }
    }

    /// The wait until the next key opens by time, in ms.
    var nextOpening: Int? {
        guard limited > 0, let at = opens.values.min(), at < .infinity else { return nil }
        return max(0, Int(at) - now)
    }

    /// Whether the last operation noted the next opening of all, of which nobody was told who waits.
    var hasNewOpening: Bool {
        guard let notedOpening, let next = opens.values.min(), next < .infinity else { return false }
        return max(next, Double(now)) >= notedOpening
    }

    private var mask: Int { mask(hasWaiters: !opens.isEmpty) }

    private func mask(hasWaiters: Bool) -> Int {
        let hasType = limits.keys.contains { $0.hasPrefix("type:") } || holds.keys.contains { $0.hasPrefix("type:") }
        return (limits.isEmpty ? 0 : 1) + (hasType ? 2 : 0) + (hasWaiters ? 16 : 0) + (holds.isEmpty ? 0 : 32)
    }

    /// Sets or removes a limit; whoever waits is looked at by the next claim or sweep.
    mutating func setLimit(_ name: String, _ limit: Limit?) {
        limits[name] = limit
        for key in opens.keys { opens[key] = 0 }
        limited = mask
    }
}
