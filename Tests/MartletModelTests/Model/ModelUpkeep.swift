// The reference for heartbeats, sweeps, operators' verbs and settings.

import FoundationEssentials
import MartletJobs

@testable import MartletQueue

extension Model {
    mutating func heartbeat(
        _ worker: String, info: String?, lease asked: Int?, _ heartbeats: [Heartbeat]
    ) -> [HeartbeatVerdict] {
        let lease = asked ?? lease
        if let info { (workers[worker], heartbeatTimes[worker], notedClaims[worker]) = (info, now, nil) }
        return heartbeats.map { heartbeat in
            let id = heartbeat.id.description
            guard var job = jobs[id] else { return .gone }
            guard case .live = job.token, job.storedToken == heartbeat.token else { return .fenced }
            if let progress = heartbeat.progress { (job.progress, job.changedAt) = (progress.stored, now) }
            if let checkpoint = heartbeat.checkpoint, !checkpoint.isEmpty {
                (job.checkpoint, job.lostBefore) = (checkpoint, job.lost)
            }
            if job.score - Double(now) < Double(lease) * 2 / 3 {
                job.score = max(job.score, Double(renewed(job, lease)))
            }
            jobs[id] = job
            return .held(.milliseconds(max(0, Int(job.score) - now)), wanted: job.wanted?.stop)
        }
    }

    private func renewed(_ job: Job, _ lease: Int) -> Int {
        var till = now + lease
        if let wanted = job.wanted { till = min(till, wanted.since + lease) }
        if let timeout = job.timeout, let claimedAt = job.claimedAt {
            till = min(till, claimedAt + timeout + lease / 3)
        }
        return till
    }

    struct Swept {
        var promoted = 0
        var forgotten = 0
        var takenBack: [String: JobState] = [:]
    }

    mutating func sweep() -> Swept {
        var answer = Swept()
        let isQuiet = swept.map { now - $0 > 5000 || now < $0 } ?? true
        if isQuiet { grace = now + lease }
        swept = now
        answer.promoted = promote(atMost: 1000)
        let finals: [JobIndex] = [.completed, .failed, .cancelled]
        let old = finals.flatMap { overdue($0, atMost: 200) }
        if now >= grace {
            for id in line(.active) where (jobs[id]?.score ?? .infinity) <= Double(now) {
                answer.takenBack[id] = takeBack(id)
            }
        }
        tombstones = tombstones.filter { $0.value.until > now }
        for id in old { forget(id) }
        sweepLimits()
        answer.forgotten = old.count
        forgetWorkers()
        return answer
    }

    private mutating func takeBack(_ id: String) -> JobState {
        guard let job = jobs[id] else { return .queued }
        var most = 3
        if case .live(let nonce) = job.token, nonce.hasPrefix("i") { most = 6 }
        jobs[id]?.lost += 1
        jobs[id]?.token = .reaped
        jobs[id]?.wanted = nil
        if job.wanted?.stop == .cancel {
            finish(id, as: .cancelled)
            return .cancelled
        }
        if job.lostInARow + 1 >= most {
            let why = "poison: its worker died \(job.lostInARow + 1) times in a row"
            jobs[id]?.error = why
            record(id, "lost", why)
            finish(id, as: .failed)
            return .failed
        }
        jobs[id]?.changedAt = now
        record(id, "lost", "")
        let place = job.place ?? nextPlace(job.priority)
        if job.wanted?.stop == .pause {
            setAside(id, place: place)
            return .paused
        }
        queue(id, at: place)
        return .queued
    }

    private mutating func forgetWorkers() {
        let unheard = claims.keys.filter { workers[$0] == nil }
        for (worker, at) in heartbeatTimes where at < now - 3_600_000 {
            if let last = claims[worker], notedClaims[worker] != last.number {
                note(worker)
            } else {
                (workers[worker], heartbeatTimes[worker], claims[worker], notedClaims[worker]) = (nil, nil, nil, nil)
            }
        }
        for worker in unheard { note(worker) }
    }

    /// Notes workers that claim without heartbeats; an hour later it shows whether they still do.
    private mutating func note(_ worker: String) {
        (workers[worker], heartbeatTimes[worker], notedClaims[worker]) = ("{}", now, claims[worker]?.number)
    }
}

extension Model {
    /// The verdict of a verb; `nil` when the call is refused as a whole.
    mutating func control(_ verb: ControlVerb, _ ids: [String]) -> [ControlVerdict]? {
        if case .patch(let priority, let start, let retries) = verb {
            let asked = start.map { wait($0) } ?? 0
            if case .at = start, asked > 31_536_000_000 { return ids.map { _ in .invalid("run_at") } }
            guard priority.map({ abs($0) <= 1000 }) ?? true, retries.map({ (0...100).contains($0) }) ?? true,
                (0...31_536_000_000).contains(asked)
            else { return nil }
        }
        return ids.map { id in
            let before = jobs[id]
            let verdict = control(verb, id)
            if let before, let after = jobs[id], Self.isChange(verb, verdict, before, after) {
                jobs[id]?.changedAt = now
            }
            return verdict
        }
    }

    /// Whether a verb changed the visible state of a job.
    private static func isChange(_ verb: ControlVerb, _ verdict: ControlVerdict, _ before: Job, _ after: Job) -> Bool {
        if case .patch(let priority, let start, let retries) = verb, case .done = verdict {
            return priority != nil || start != nil || retries != nil
        }
        return before.index != after.index || before.wanted?.stop != after.wanted?.stop
    }

    /// The verdict of a retry with another payload.
    mutating func retry(_ id: String, with payload: [UInt8]) -> ControlVerdict {
        guard let job = jobs[id] else { return .missing }
        let verdict = retry(id, job)
        guard verdict == .done(.queued) || verdict == .done(.blocked) else { return verdict }
        replacePayload(id, payload)
        jobs[id]?.changedAt = now
        return verdict
    }

    /// The verdict of a change with another payload; `nil` when the call is refused as a whole.
    mutating func edit(_ id: String, to payload: [UInt8], _ verb: ControlVerb) -> ControlVerdict? {
        var copy = self
        guard let patched = copy.control(verb, [id])?.first else { return nil }
        if case .invalid = patched { return patched }
        guard let job = jobs[id] else { return .missing }
        let isPlain = verb == .patch(priority: nil, start: nil, maxRetries: nil)
        if job.index == .active || job.index == .completed || (job.state.isFinal && !isPlain) {
            return .refused(job.state)
        }
        replacePayload(id, payload)
        jobs[id]?.checkpoint = nil
        jobs[id]?.progress = nil
        jobs[id]?.changedAt = now
        return isPlain ? .done(job.state) : control(verb, [id])?.first
    }

    /// The time until a job may run, in ms.
    private func wait(_ start: JobStart) -> Int {
        switch start {
        case .after(let delay): delay.inMilliseconds
        case .at(let moment): max(0, Int((moment.timeIntervalSince1970 * 1000).rounded()) - now)
        }
    }

    private mutating func control(_ verb: ControlVerb, _ id: String) -> ControlVerdict {
        guard let job = jobs[id] else { return verb == .delete && tombstones[id] != nil ? .done(nil) : .missing }
        switch verb {
        case .pause: return pause(id, job)
        case .resume: return resume(id, job)
        case .cancel: return cancel(id, job)
        case .retry: return retry(id, job)
        case .run:
            if [.queued, .blocked, .active].contains(job.state) { return .done(job.state) }
            guard job.index == .delayed else { return .refused(job.state) }
            lineUp(id)
            return .done(.queued)
        case .delete:
            guard job.state.isFinal else { return .refused(job.state) }
            forget(id)
            return .done(nil)
        case .patch(let priority, let start, let retries):
            return patch(id, job, priority, start.map { wait($0) }, retries)
        }
    }

    private mutating func askToStop(_ id: String, _ job: Job, _ stop: StopReason) -> ControlVerdict {
        if job.wanted?.stop == .cancel { return stop == .cancel ? .asked : .refused(.active) }
        if job.wanted?.stop != stop {
            jobs[id]?.wanted = (stop, now)
            count("stops")
        }
        return .asked
    }

    private mutating func pause(_ id: String, _ job: Job) -> ControlVerdict {
        switch job.index {
        case .paused: return .done(.paused)
        case .active: return askToStop(id, job, .pause)
        case .queued, .blocked: setAside(id, place: job.score + Double(job.priority) * Double(step))
        case .delayed: setAside(id, place: job.score)
        case .completed, .failed, .cancelled: return .refused(job.state)
        }
        return .done(.paused)
    }

    private mutating func resume(_ id: String, _ job: Job) -> ControlVerdict {
        switch job.index {
        case .queued, .blocked, .delayed: return .done(job.state)
        case .active:
            if job.wanted?.stop == .cancel { return .refused(.active) }
            jobs[id]?.wanted = nil
        case .paused:
            let place = job.place ?? nextPlace(job.priority)
            if isEarly(place) { delay(id, until: place) } else { queue(id, at: place) }
        case .completed, .failed, .cancelled: return .refused(job.state)
        }
        return .done(jobs[id]?.state)
    }

    private mutating func cancel(_ id: String, _ job: Job) -> ControlVerdict {
        switch job.index {
        case .cancelled: return .done(.cancelled)
        case .active: return askToStop(id, job, .cancel)
        case .completed, .failed: return .refused(job.state)
        case .queued, .blocked, .delayed, .paused:
            finish(id, as: .cancelled)
            return .done(.cancelled)
        }
    }

    private mutating func retry(_ id: String, _ job: Job) -> ControlVerdict {
        if job.index == .queued || job.index == .blocked { return .done(job.state) }
        guard job.index == .failed || job.index == .cancelled else { return .refused(job.state) }
        if let key = job.uniqueKey {
            if let holder = unique[key].flatMap({ JobID($0) }), holder.description != id {
                return .uniqueKeyTaken(by: holder)
            }
            unique[key] = id
        }
        jobs[id]?.failures = 0
        jobs[id]?.lost = 0
        jobs[id]?.lostBefore = 0
        jobs[id]?.error = nil
        jobs[id]?.unknownSince = nil
        lineUp(id)
        return .done(.queued)
    }

    private mutating func patch(
        _ id: String, _ job: Job, _ priority: Int?, _ wait: Int?, _ retries: Int?
    ) -> ControlVerdict {
        if job.state.isFinal || (wait != nil && job.index == .active) { return .refused(job.state) }
        jobs[id]?.priority = priority ?? job.priority
        jobs[id]?.maxRetries = retries ?? job.maxRetries
        if let wait {
            let place = wait > 0 ? due(at: now + wait, id) : nextPlace(priority ?? job.priority)
            if job.index == .paused {
                jobs[id]?.place = place
            } else if wait == 0 {
                queue(id, at: place)
            } else {
                delay(id, until: place)
            }
        } else if job.index == .queued {
            queue(id, at: job.score + Double(job.priority) * Double(step))
        } else if job.index == .blocked, let priority {
            let score = job.score + Double(job.priority - priority) * Double(step)
            jobs[id]?.score = score
            touch(job.waitsFor?.key)
        }
        return .done(jobs[id]?.state)
    }
}

extension Model {
    /// The refused setting, `busy` for a step that is in use; `nil` when all were applied.
    mutating func configure(_ words: [(name: String, value: Int)]) -> String? {
        let ranges = [
            "limit": 0...1_000_000, "lease": 50...900_000, "step": 1...(1 << 42), "completed_age": 0...31_536_000_000,
            "failed_age": 0...31_536_000_000, "cancelled_age": 0...31_536_000_000,
            "completed_count": 0...1_000_000_000, "failed_count": 0...1_000_000_000,
            "cancelled_count": 0...1_000_000_000,
        ]
        for (name, value) in words {
            guard let range = ranges[name] else { return "unknown" }
            guard range.contains(value) else { return name }
            if name == "step", value != step, count(.queued) + count(.blocked) > 0 { return "busy" }
        }
        for (name, value) in words { settings[name] = value }
        return nil
    }
}
