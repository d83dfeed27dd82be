// Generates the next operation of a run: mostly valid ones, often late, repeated or invalid ones.

import FoundationEssentials
import MartletJobs
import TestSupport

@testable import MartletQueue

extension SeededRandom {
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }

    mutating func pick<T>(_ choices: [T]) -> T { choices[Int.random(in: 0..<choices.count, using: &self)] }
}

/// Generates operations by seed; uses the model to choose existing jobs.
struct Generator {
    private var random: SeededRandom
    private let withFaults: Bool
    /// Whether jobs have limit keys and queues have limits; without them a seed gives the run that it gave before there were any.
    private let withLimits: Bool
    /// Operations that are already chosen, for sequences of several steps.
    private var planned: [Operation] = []
    /// How often jobs are still to be claimed and lost, one time after another.
    private var lossesToCome = 0
    private var history: [Operation] = []
    /// Every token that was ever handed out.
    private var tokens: [(id: JobID, token: String)] = []
    private var nonces = 0
    private let ids = RealStore.ids.compactMap { JobID($0) }
    private let workers = ["ann", "bob", "cid"]

    init(seed: UInt64, withFaults: Bool = true, withLimits: Bool = true) {
        self.withLimits = withLimits
        random = SeededRandom(seed)
        self.withFaults = withFaults
        if random.chance(50), let id = ids.first { planned = Self.lostTooOften(id) }
    }

    /// A sequence that is rare by chance: a job fails after its third lost worker, is read, deleted, and pushed again.
    private static func lostTooOften(_ id: JobID) -> [Operation] {
        let push = Operation.push([NewJob(id: id, digest: "d1", type: "mail", payload: [1])])
        let losses = (1...3).flatMap { number in
            let claim = ClaimRequest(worker: "ann", number: number, upTo: 1, lastChances: 1, nonce: "s\(number)")
            return [Operation.claim(claim)] + Array(repeating: [.clock(4000), .sweep], count: 12).joined()
        }
        return [push] + losses + [.look([id]), .control(.delete, [id]), push]
    }

    mutating func next(_ model: Model) -> Operation {
        if !planned.isEmpty { return planned.removeFirst() }
        remember(model)
        if lossesToCome > 0 {
            lossesToCome -= 1
            let sweep = reaping(model)
            planned.insert(sweep, at: 0)
            return .claim(claim(model))
        }
        if model.isHalted, random.chance(20) { return model.pause != nil ? .resume : .resumeAll }
        let operation = draw(model)
        if operation.script != nil, history.count < 4096 { history.append(operation) }
        return operation
    }

    private mutating func remember(_ model: Model) {
        for (worker, last) in model.claims where workers.contains(worker) {
            for id in last.ids {
                guard let id = JobID(id), let job = model.jobs[id.description], let token = job.storedToken,
                    token.hasSuffix(":" + last.nonce), !token.hasPrefix("-"),
                    !tokens.contains(where: { $0 == (id, token) })
                else { continue }
                tokens.append((id, token))
            }
        }
        if tokens.count > 64 { tokens.removeFirst(tokens.count - 64) }
    }

    private mutating func draw(_ model: Model) -> Operation {
        switch Int.random(in: 0..<1000, using: &random) {
        case 0..<110: return .push(pushes(model))
        case 110..<130:
            guard withLimits else { return .push(pushes(model)) }
            let (name, limit) = self.limit(model)
            return .limit(name, limit)
        case 130..<165: return .pushAtomically(pushes(model))
        case 165..<180: return badPush()
        case 180..<330: return .claim(claim(model))
        case 330..<450: return .settle(settlements(model))
        case 450..<530: return .turn(random.chance(90) ? settlements(model) : [], claim(model))
        case 530..<600: return heartbeat(model)
        case 600..<745:
            let (verb, targets) = (verb(model), targets(model))
            guard targets.count == 1, let id = targets.first else { return .control(verb, targets) }
            // Nothing else of a run depends on the payload, so it needs no random choice.
            let payload = [UInt8(history.count % 9 + 1)]
            if verb == .retry { return .retryWith(payload, id) }
            if case .patch = verb, history.count.isMultiple(of: 2) { return .edit(payload, verb, id) }
            return .control(verb, targets)
        case 745..<775: return .configure(settings())
        case 775..<782: return .pause(reason: "r\(Int.random(in: 0..<9, using: &random))")
        case 782..<788: return .resume
        case 788..<792: return .pauseAll(reason: "all")
        case 792..<796: return .resumeAll
        case 796..<830: return .sweep
        case 830..<850:
            lossesToCome = random.pick([0, 3])
            return reaping(model)
        case 850..<910: return .clock(leap(model))
        case 910..<915: return .flushScripts
        case 915..<917: return withFaults ? .restart : .sweep
        case 917..<937: return withFaults ? swallowed(model) : .sweep
        case 937..<975: return history.isEmpty ? .sweep : random.pick(history.suffix(random.chance(70) ? 5 : 500))
        case 975..<990: return .look((0..<5).map { _ in random.pick(ids) })
        default: return .list
        }
    }

    /// Advances the clock in small steps with sweeps, until leases end without grace.
    private mutating func reaping(_ model: Model) -> Operation {
        let tick = min(4000, max(20, model.lease / 6))
        let held = model.line(.active).compactMap { JobID($0) }
        if !held.isEmpty, random.chance(40) {
            planned.append(.control(random.pick([.cancel, .pause]), [random.pick(held)]))
        }
        for _ in 0..<random.pick([7, 14]) { planned += [.clock(tick), .sweep] }
        return .sweep
    }

    private mutating func swallowed(_ model: Model) -> Operation {
        var inner: Operation
        repeat { inner = draw(model) } while !inner.hasReplyToLose
        // A client that lost a reply repeats the call.
        if random.chance(80) { planned.append(inner) }
        return .swallowed(inner)
    }
}

extension Operation {
    /// Whether it is exactly one script call.
    fileprivate var hasReplyToLose: Bool {
        switch self {
        case .push(let jobs), .pushAtomically(let jobs): jobs.allSatisfy { $0.invalidField == nil }
        case .claim, .settle, .turn, .heartbeat, .control, .retryWith, .edit, .sweep: true
        default: false
        }
    }
}

// MARK: What operations are made of

extension Generator {
    private mutating func id(_ model: Model, from indexes: Set<JobIndex> = []) -> JobID {
        let there = indexes.isEmpty ? [] : model.jobs.filter { indexes.contains($0.value.index) }.keys.sorted()
        guard let name = there.isEmpty ? nil : random.pick(there), let id = JobID(name) else { return random.pick(ids) }
        return id
    }

    private mutating func pushes(_ model: Model) -> [NewJob] {
        (0..<random.pick([1, 1, 2, 3, 6])).map { _ in newJob(model) }
    }

    private mutating func newJob(_ model: Model) -> NewJob {
        var job = NewJob(id: random.pick(ids), type: random.pick(["mail", "resize"]), payload: Array("\(nonces)".utf8))
        // Nothing else of a run depends on the trace, so it needs no random choice.
        if nonces.isMultiple(of: 3) {
            job.trace = TraceContext(
                traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "n=\(nonces)")
        }
        if random.chance(45) { return job }
        if random.chance(40) { job.digest = random.pick(["d1", "d1", "d2"]) }
        if random.chance(40) { job.priority = random.pick([-1000, -1, 1, 2, 1000]) }
        if random.chance(30) { job.delay = .milliseconds(random.pick([1, 50, 1000, 30_000, 31_536_000_000])) }
        if job.delay == .zero, random.chance(20) { job.runAt = moment(model) }
        if random.chance(30) { job.maxRetries = random.pick([0, 1, 100]) }
        if random.chance(30) { job.timeout = .milliseconds(random.pick([1, 500, 40_000])) }
        if random.chance(45) { job.uniqueKey = random.pick(["only", "one"]) }
        if withLimits, random.chance(55) {
            let keys = ["h:a", "h:b", "t:1"].filter { _ in random.chance(50) }
            job.limits = keys.map { LimitKey($0, weight: random.pick([1, 1, 1, 2, 3])) }
        }
        if random.chance(8) { spoil(&job) }
        return job
    }

    /// A time in the past, soon, or too far in the future.
    private mutating func moment(_ model: Model) -> Date {
        let wait = random.pick([-1000, 0, 50, 50, 1000, 31_536_000_001])
        return Date(timeIntervalSince1970: Double(model.now + wait) / 1000)
    }

    private mutating func spoil(_ job: inout NewJob) {
        switch Int.random(in: 0..<5, using: &random) {
        case 0: job.priority = random.pick([-1001, 1001, Int(Int32.max)])
        case 1: job.delay = random.pick([.milliseconds(-1), .milliseconds(31_536_000_001)])
        case 2: job.maxRetries = random.pick([-1, 101])
        case 3: job.type = random.pick(["", String(repeating: "t", count: 129)])
        default: job.timeout = .zero
        }
    }

    private mutating func badPush() -> Operation {
        let priorities = ["nan", "inf", "1.5", "0x10", " 7", "1e2", "", "1001", "-1001", "9007199254740993"]
        let delays = ["nan", "@", "@1.5", "-1", "1.5", "31536000001", "1e400", ""]
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return .pushRaw(id: random.pick(RealStore.ids.suffix(4).map { $0 }), terms: random.pick(["", "0 0 0"]))
        case 1: return .pushRaw(id: random.pick(ids).description, terms: random.pick(priorities) + " 0 0")
        case 2: return .pushRaw(id: random.pick(ids).description, terms: "0 \(random.pick(delays)) 0")
        default: return .pushRaw(id: random.pick(ids).description, terms: random.pick(["x", "0", "0 0 x", "0 0 -2"]))
        }
    }

    private mutating func claim(_ model: Model) -> ClaimRequest {
        let worker = random.pick(workers)
        let last = model.claims[worker]?.number ?? 0
        nonces += 1
        let number = max(
            1, random.pick([last + 1, last + 1, last + 1, last + 1, last + 1, last + 1, last + 7, last, last - 1]))
        return ClaimRequest(
            worker: worker, number: number, upTo: random.pick([1, 1, 2, 3, 5, 128]),
            lastChances: random.pick([0, 1, 1, 128]),
            lease: random.chance(10) ? .milliseconds(random.pick([50, 2000, 900_000])) : nil,
            nonce: (random.chance(25) ? "in" : "n") + "\(nonces)")
    }

    /// A live token, a spent one, or one that never existed.
    private mutating func proof(_ model: Model) -> (id: JobID, token: String) {
        let live = model.line(.active)
        if !live.isEmpty, random.chance(75) {
            let name = random.pick(live)
            if let id = JobID(name), let token = model.jobs[name]?.storedToken { return (id, token) }
        }
        if !tokens.isEmpty, random.chance(70) {
            let old = random.pick(tokens)
            return random.chance(90) ? old : (random.pick(ids), old.token)
        }
        return (random.pick(ids), random.pick(["", "1:", "1:n1", "-1:n1", "9:zz", "nan:x"]))
    }

    private mutating func settlements(_ model: Model) -> [Settlement] {
        (0..<random.pick([1, 1, 2, 3, 5])).map { _ in
            let (id, token) = proof(model)
            let progress = random.chance(20) ? JobProgress(completed: Int64(nonces), total: 99) : nil
            return Settlement(
                id: id, token: token, outcome: outcome(), progress: progress,
                worker: nonces.isMultiple(of: 2) ? "w\(nonces % 3)" : nil)
        }
    }

    private mutating func outcome() -> Settlement.Outcome {
        let wait = Duration.milliseconds(random.pick([0, 0, 1, 100, 1000, 60_000, -5, 40_000_000_000]))
        return switch Int.random(in: 0..<100, using: &random) {
        case 0..<40: .completed(output: nil)
        case 40..<48: .completed(output: Array("{}".utf8))
        case 48..<50: .completed(output: [])
        case 50..<70: .failed(retryAfter: wait, error: "error \(nonces)")
        case 70..<74: .crashed(retryAfter: wait, error: "it died")
        case 74..<79: .failedForGood(error: "for good")
        case 79..<88: .released(after: nil)
        case 88..<91: .released(after: wait)
        case 91..<93 where withLimits:
            .throttled(
                key: random.pick(["h:a", "h:b", "t:1", "type:mail"]), after: wait, reason: random.pick(["", "429"]))
        case 91..<95: .unknownType(retryAfter: wait, error: "unknown \(nonces)")
        case 95..<98: .postponed(retryAfter: wait, error: random.pick(["", "later \(nonces)"]))
        default: .snoozed(wait)
        }
    }

    private mutating func heartbeat(_ model: Model) -> Operation {
        let heartbeats = (0..<random.pick([0, 1, 1, 2, 4])).map { _ in
            let (id, token) = proof(model)
            var heartbeat = Heartbeat(id: id, token: token)
            if random.chance(30) { heartbeat.progress = JobProgress(completed: Int64(nonces)) }
            if random.chance(20) { heartbeat.checkpoint = Array("c\(nonces)".utf8) }
            return heartbeat
        }
        return .heartbeat(
            worker: random.pick(workers), info: random.chance(30) ? "{}" : nil,
            lease: random.chance(15) ? random.pick([50, 2000, 900_000]) : nil, heartbeats)
    }

    private mutating func verb(_ model: Model) -> ControlVerb {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<18: return .pause
        case 18..<38: return .resume
        case 38..<53: return .cancel
        case 53..<68: return .retry
        case 68..<76: return .run
        case 76..<82: return .delete
        default:
            let priority = random.chance(60) ? random.pick([-1000, -5, 0, 0, 5, 1000, 1001]) : nil
            var start = random.chance(45) ? JobStart.after(.milliseconds(random.pick([0, 0, 10, 5000, -1]))) : nil
            if start == nil, random.chance(20) { start = .at(moment(model)) }
            return .patch(
                priority: priority, start: start, maxRetries: random.chance(20) ? random.pick([0, 2, 3]) : nil)
        }
    }

    private mutating func targets(_ model: Model) -> [JobID] {
        let open: Set<JobIndex> = [.active, .queued, .blocked, .delayed, .paused]
        var choices = [[], open, Set(JobIndex.allCases), [.active], [.failed, .cancelled], [.paused]]
        if withLimits { choices.insert([.blocked], at: 2) }
        return (0..<random.pick([1, 1, 1, 2, 4])).map { _ in
            id(
                model,
                from: random.pick(choices))
        }
    }

    private mutating func settings() -> [Operation.Setting] {
        let kind = random.pick(["completed", "failed", "cancelled"])
        let choices: [[Operation.Setting]] = [
            [.init(name: "limit", value: random.pick([0, 0, 1, 3, 6]))],
            [.init(name: "lease", value: random.pick([50, 1000, 30_000]))],
            [.init(name: "step", value: random.pick([1, 60_000, 1 << 42]))],
            [.init(name: "\(kind)_age", value: random.pick([0, 1000, 120_000, 86_400_000]))],
            [.init(name: "\(kind)_count", value: random.pick([0, 1, 3, 100_000, 100_000]))],
            [
                .init(name: "limit", value: 5),
                .init(name: random.pick(["lease", "limit", "nonsense"]), value: random.pick([-1, 49])),
            ],
        ]
        return random.pick(choices)
    }

    private mutating func limit(_ model: Model) -> (String, Model.Limit?) {
        let name = random.pick(["h:a", "h:b", "h:*", "t:*", "t:1", "type:*", "type:mail"])
        if random.chance(25) { return (name, nil) }
        var limit = Model.Limit()
        if random.chance(75) { limit.concurrency = random.pick([0, 1, 1, 2, 3]) }
        if limit.concurrency == nil || random.chance(20) {
            limit.rate = (random.pick([1, 3, 7]), random.pick([10, 100, 1000]), random.pick([1, 2, 5]))
        }
        if random.chance(15) { limit.paused = (true, random.pick([nil, model.now + 50, model.now - 1])) }
        return (name, limit)
    }

    private mutating func leap(_ model: Model) -> Int {
        if random.chance(12), let due = model.nextDue { return due }
        return switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: random.pick([1, 7, 50])
        case 35..<60: random.pick([500, 1000, 1500])
        case 60..<78: random.pick([4000, 11_000, 31_000])
        case 78..<86: random.pick([61_000, 3_601_000, 86_401_000])
        case 86..<97: random.pick([-1, -1000, -10_000])
        default: -3_600_000
        }
    }
}
