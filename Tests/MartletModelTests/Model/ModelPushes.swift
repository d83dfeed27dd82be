// The reference for pushing, claiming and settling.

import FoundationEssentials
import MartletJobs

@testable import MartletQueue

extension Model {
    /// Pushes jobs, each separately.
    mutating func push(_ news: [NewJob]) -> [EnqueueVerdict] {
        let good = news.filter { $0.invalidField == nil }
        var judged = judge(good)[...]
        judged = accept(good, Array(judged))[...]
        return news.map { new in new.invalidField.map { .invalid($0) } ?? judged.removeFirst() }
    }

    /// Pushes all or none.
    mutating func pushAtomically(_ news: [NewJob]) -> AtomicEnqueueResult {
        for (index, new) in news.enumerated() {
            if let field = new.invalidField { return .refused(index: index, .invalid(field)) }
        }
        let verdicts = judge(news)
        for (index, verdict) in verdicts.enumerated() {
            switch verdict {
            case .created, .existing, .deleted: continue
            case .conflict, .uniqueKeyTaken, .invalid, .tooHeavy: return .refused(index: index, verdict)
            }
        }
        return .accepted(accept(news, verdicts))
    }

    private func judge(_ news: [NewJob]) -> [EnqueueVerdict] {
        var seen: [String: (digest: String?, state: JobState)] = [:]
        var taken = unique
        return news.map { new in
            let id = new.id.description
            let verdict = verdict(new, id, seen[id], taken)
            if case .created(let state) = verdict {
                seen[id] = (new.digest, state)
                if let key = new.uniqueKey { taken[key] = id }
            }
            return verdict
        }
    }

    private func verdict(
        _ new: NewJob, _ id: String, _ twin: (digest: String?, state: JobState)?, _ taken: [String: String]
    ) -> EnqueueVerdict {
        if let twin { return twin.digest == new.digest ? .existing(twin.state) : .conflict }
        if wait(of: new) > 31_536_000_000 { return .invalid("run_at") }
        if let job = jobs[id] { return job.digest == new.digest ? .existing(job.state) : .conflict }
        if let digest = new.digest, let tombstone = tombstones[id] {
            return tombstone.digest == digest ? .deleted : .conflict
        }
        if let limit = tooSmall(Self.keys(new)) { return .tooHeavy(limit: limit) }
        if let key = new.uniqueKey, let holder = taken[key].flatMap({ JobID($0) }) {
            return .uniqueKeyTaken(by: holder)
        }
        return .created(wait(of: new) > 0 ? .scheduled : .queued)
    }

    /// How long a job waits, in ms.
    private func wait(of new: NewJob) -> Int {
        new.runAt.map { max(0, Int(($0.timeIntervalSince1970 * 1000).rounded()) - now) } ?? new.delay.inMilliseconds
    }

    private static func keys(_ new: NewJob) -> [Weighted] {
        new.limits.map { Weighted(key: $0.name, weight: $0.weight) }
    }

    /// Creates the jobs; the verdicts say then which of them wait for a limit at once.
    private mutating func accept(_ news: [NewJob], _ verdicts: [EnqueueVerdict]) -> [EnqueueVerdict] {
        var verdicts = verdicts
        var blocked: Set<String> = []
        // The previous job, whose position the next may share: then Redis orders them by their ids.
        var before =
            clock?.place ?? 0 >= Double(now)
            ? clock.flatMap { last in last.id.map { (id: $0, place: last.place) } } : nil
        let hasNew = verdicts.contains { if case .created = $0 { true } else { false } }
        for new in news where hasNew {
            for one in Self.keys(new) + keys(ofType: new.type) { bound(one.key) }
        }
        for (index, new) in news.enumerated() {
            let id = new.id.description
            if verdicts[index] == .existing(.queued), blocked.contains(id) { verdicts[index] = .existing(.blocked) }
            guard case .created(let state) = verdicts[index] else { continue }
            jobs[id] = Job(
                type: new.type, payload: new.payload, priority: new.priority, maxRetries: new.maxRetries,
                timeout: new.timeout?.inMilliseconds, uniqueKey: new.uniqueKey, digest: new.digest,
                trace: new.trace?.stored,
                createdAt: new.digest == nil ? nil : now, limits: Self.keys(new))
            // So far it stands nowhere.
            jobs[id]?.index = .paused
            if let key = new.uniqueKey { unique[key] = id }
            count("created")
            if state == .scheduled {
                delay(id, until: due(at: now + wait(of: new), id))
            } else {
                let shared = before.flatMap { id > $0.id && fits($0.place, new.priority) ? $0.place : nil }
                let place = shared ?? nextPlace(new.priority)
                before = (id, place)
                let isLast = clock?.place == place
                clock?.id = isLast && id.utf8.count <= 40 ? id : nil
                queue(id, at: place)
                guard let job = jobs[id], let key = obstacle(id, keys(of: job), score: job.score) else { continue }
                jobs[id]?.index = .blocked
                jobs[id]?.waitsFor = key
                expectWaiter(key.key)
                blocked.insert(id)
                verdicts[index] = .created(.blocked)
            }
        }
        reopen()
        return verdicts
    }
}

extension Model {
    struct Claimed {
        var status: ClaimReply.Status
        var nextDue: Int?
        var jobs: [(id: String, waited: Int?)] = []
        var nonce: String
        var lease: Int
    }

    mutating func claim(_ request: ClaimRequest) -> Claimed {
        // A claim returns when the next job falls due, so its worker needs no wake token.
        hasNewHead = false
        let last = claims[request.worker]
        var answer = Claimed(status: .ok, nonce: request.nonce, lease: request.lease?.inMilliseconds ?? lease)
        if let last, request.number < last.number {
            answer.status = .stale
            return answer
        }
        if let last, request.number == last.number { return replay(last, lease: answer.lease) }
        touchDue()
        reopen()
        _ = promote(atMost: 200)
        var room = request.upTo
        if isHalted {
            (answer.status, room) = (.paused, 0)
        } else if limit > 0 {
            room = min(room, limit - count(.active))
            if room <= 0 { (answer.status, room) = (.full, 0) }
        }
        var taken: [String] = []
        var chances = request.lastChances
        var putsOff = false
        // Who waits for a limit makes room for those behind.
        for id in limited > 0 ? line(.queued) : Array(line(.queued).prefix(room)) {
            guard taken.count < room, var job = jobs[id] else { break }
            let isLastChance = job.lostInARow >= 2
            guard !isLastChance || chances > 0 else {
                delay(id, until: due(at: now + 1000, id))
                putsOff = true
                continue
            }
            guard admit(id), let admitted = jobs[id] else {
                putsOff = true
                continue
            }
            if isLastChance { chances -= 1 }
            job = admitted
            taken.append(id)
            let place = job.score + Double(job.priority) * Double(step)
            answer.jobs.append((id, max(0, now - Int(place.rounded(.down)))))
            job.claims += 1
            job.token = .live(request.nonce)
            (job.place, job.claimedAt) = (place, now)
            (job.index, job.score) = (.active, Double(now + answer.lease))
            jobs[id] = job
        }
        claims[request.worker] = LastClaim(number: request.number, nonce: request.nonce, ids: taken)
        hasNewHead = false
        putsOff = reopen() > 0 || putsOff
        if taken.count < request.upTo {
            notedOpening = nil
            let waits = [nextDue, nextOpening].compactMap(\.self)
            answer.nextDue = taken.count < room && count(.queued) > 0 ? 0 : waits.min()
        }
        sawEnd = !putsOff && (room == 0 || count(.queued) == 0)
        return answer
    }

    /// The same jobs again, if they still have the token, with a new lease, and no others.
    private mutating func replay(_ last: LastClaim, lease: Int) -> Claimed {
        var answer = Claimed(status: .ok, nonce: last.nonce, lease: lease)
        let till = Double(now + lease)
        for id in last.ids where jobs[id]?.index == .active && jobs[id]?.token == .live(last.nonce) {
            jobs[id]?.score = till
            answer.jobs.append((id, nil))
        }
        return answer
    }
}

extension Model {
    mutating func settle(_ settlements: [Settlement]) -> [SettleVerdict] {
        let stillOpen = count("completed", in: counts)
        hadWaiters = !opens.isEmpty
        var verdicts = [SettleVerdict?](repeating: nil, count: settlements.count)
        var ended: [String: String] = [:]
        // Plain settlements are sent, and applied, before the others.
        let plain = settlements.indices.filter { settlements[$0].isPlain }
        for index in plain + settlements.indices.filter({ !plain.contains($0) }) {
            let one = settlements[index]
            let id = one.id.description
            if let token = ended[id] {
                verdicts[index] = token == one.token ? .duplicate(nil) : .fenced
                continue
            }
            let verdict = settle(one, id)
            if case .settled = verdict { ended[id] = one.token }
            verdicts[index] = verdict
        }
        let completed = count("completed", in: counts) - stillOpen
        let (_, most) = retention(.completed)
        if completed > 0, most > 0, count(.completed) > most {
            for id in overdue(.completed, atMost: min(200, 2 * completed)) { forget(id) }
        }
        return verdicts.compactMap { $0 }
    }

    private func count(_ name: String, in counts: [String: Int]) -> Int { counts[name] ?? 0 }

    private mutating func settle(_ one: Settlement, _ id: String) -> SettleVerdict {
        guard let job = jobs[id] else { return .gone }
        guard case .live(let nonce) = job.token, job.storedToken == one.token else {
            return job.storedToken == "-" + one.token ? .duplicate(job.state) : .fenced
        }
        let progress = one.progress?.stored ?? job.progress
        jobs[id]?.token = .settled(nonce)
        jobs[id]?.progress = progress
        if case .throttled(let key, let wait, let reason) = one.outcome, weight(of: key, in: job) != nil {
            hold(key, for: wait.inMilliseconds, reason.isEmpty ? "throttled by \(key)" : reason)
        }
        switch one.outcome {
        case .completed(let output):
            if let output, !output.isEmpty { jobs[id]?.output = output }
            finish(id, as: .completed)
            return .settled(.completed)
        case _ where job.wanted?.stop == .cancel:
            finish(id, as: .cancelled)
            return .settled(.cancelled)
        case .unknownType(let wait, let error):
            jobs[id]?.unknownSince = job.unknownSince ?? now
            jobs[id]?.error = error
            takeBackStart(of: job)
            again(id, after: wait)
        case _ where job.unknownSince != nil:
            // Any other outcome means that the worker knows the type.
            jobs[id]?.unknownSince = nil
            jobs[id]?.token = job.token
            jobs[id]?.progress = job.progress
            return settle(one, id)
        case .failed(let wait, let error):
            return fail(one, error, isLast: job.failures + 1 > job.maxRetries, wait)
        case .failedForGood(let error):
            return fail(one, error, isLast: true, .zero)
        case .crashed(let wait, let error): return crash(one, error, lost: job.lostInARow + 1, wait)
        case .released(nil):
            let place = job.place ?? nextPlace(job.priority)
            putBack(id, at: place, waits: isEarly(place))
        case .released(let wait?), .snoozed(let wait):
            again(id, after: wait)
        case .postponed(let wait, let error):
            if !error.isEmpty { jobs[id]?.error = error }
            again(id, after: wait)
        case .throttled(let key, let wait, let reason):
            throttle(id, key, wait, reason.isEmpty ? "throttled by \(key)" : reason)
        }
        return .settled(jobs[id]?.state ?? .queued)
    }

    private mutating func throttle(_ id: String, _ key: String, _ wait: Duration, _ reason: String) {
        guard let job = jobs[id] else { return }
        guard let weight = weight(of: key, in: job) else {
            jobs[id]?.error = "\(reason); only this job waits, as it has no limit key \(key)"
            again(id, after: max(.milliseconds(1), wait))
            return
        }
        jobs[id]?.error = reason
        let place = job.place ?? nextPlace(job.priority)
        guard job.wanted?.stop != .pause else {
            putBack(id, at: place, waits: false)
            return
        }
        jobs[id]?.changedAt = now
        queue(id, at: place)
        jobs[id]?.index = .blocked
        jobs[id]?.waitsFor = Weighted(key: key, weight: weight)
        expectWaiter(key)
    }

    private mutating func crash(
        _ one: Settlement, _ error: String, lost: Int, _ wait: Duration
    ) -> SettleVerdict {
        let id = one.id.description
        record(id, "crashed", error, by: one.worker)
        jobs[id]?.lost += 1
        if lost >= 3 {
            jobs[id]?.error = "poison: \(error), after \(lost) losses in a row"
            finish(id, as: .failed)
            return .settled(.failed)
        }
        jobs[id]?.error = error
        again(id, after: wait)
        return .settled(jobs[id]?.state ?? .queued)
    }

    private mutating func fail(
        _ one: Settlement, _ error: String, isLast: Bool, _ wait: Duration
    ) -> SettleVerdict {
        let id = one.id.description
        record(id, "failed", error, by: one.worker)
        jobs[id]?.failures += 1
        jobs[id]?.error = error
        if isLast {
            finish(id, as: .failed)
            return .settled(.failed)
        }
        again(id, after: wait)
        return .settled(jobs[id]?.state ?? .queued)
    }

    /// After a delay, or without one behind all earlier jobs.
    private mutating func again(_ id: String, after wait: Duration) {
        let wait = min(max(0, wait.inMilliseconds), 31_536_000_000)
        let place = wait > 0 ? due(at: now + wait, id) : nextPlace(jobs[id]?.priority ?? 0)
        putBack(id, at: place, waits: wait > 0)
    }

    private mutating func putBack(_ id: String, at place: Double, waits: Bool) {
        let isPaused = jobs[id]?.wanted?.stop == .pause
        jobs[id]?.wanted = nil
        jobs[id]?.changedAt = now
        if isPaused {
            setAside(id, place: place)
        } else if waits {
            delay(id, until: place)
        } else {
            queue(id, at: place)
        }
    }
}
