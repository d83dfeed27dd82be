// What the docstrings of the store and its queues show.

import Foundation
import Logging
import Martlet
import MartletRedis

func openStores(_ logger: Logger) async throws -> Queue {
    let store = JobStore(redis: try RedisConfiguration(url: "redis://127.0.0.1:6379"), logger: logger)
    let connection = Task { try await store.run() }
    try await store.waitUntilConnected(within: .seconds(5))
    let queue = store.queue(.default)
    defer { connection.cancel() }
    return queue
}

func openQueues(_ store: JobStore) async throws {
    let queue = store.queue(.default)
    try await queue.enqueue(Greet(who: "Ada"))
    let status = try await queue.status()
    print(status as Any)
}

func nameQueues(_ store: JobStore) {
    if let name = QueueName("mail") {
        let queue = store.queue(name)
        print(queue.name)
    }
}

func pushWithOptions(_ queue: Queue, _ receipts: [SendReceipt]) async throws {
    var options = JobOptions(priority: 10, tags: ["billing"])
    options.delay = .seconds(60)
    try await queue.enqueue(contentsOf: receipts, options: options)
}

func pushBytes(_ queue: Queue) async throws {
    let job = NewJob(type: "thumbnail", payload: Array(#"{"image": 7}"#.utf8), priority: 5)
    let verdict = try await queue.enqueue(job)
    print(verdict)
}

func readVerdicts(_ queue: Queue, _ job: NewJob) async throws {
    switch try await queue.enqueue(job) {
    case .created, .existing: break
    case .deleted, .conflict: print("the id was used before")
    case .uniqueKeyTaken(let holder): print("\(holder) holds the key")
    case .tooHeavy(let limit): print("the job weighs more than the limit \(limit) ever allows")
    case .invalid(let field): print("\(field) \(NewJob.rule(for: field))")
    }
}

func pushAndWait(_ queue: Queue) async throws {
    let job = try await queue.enqueue(Add(a: 1, b: 2))
    let sum = try await job.result(within: .seconds(10))
    print(sum)
}

func pushDurably(_ queue: Queue, _ receipt: SendReceipt) async throws {
    let job = try await queue.enqueue(receipt, durability: .fsync)
    print(job.durability)
}

func noticeConflicts(_ queue: Queue, _ receipt: SendReceipt) async throws {
    do {
        try await queue.enqueue(receipt, id: try JobID(validating: "receipt-4711"))
    } catch EnqueueError.conflict(let id) {
        print("\(id) was pushed before with other content")
    }
}

func judgeErrors(_ queue: Queue) async {
    do {
        _ = try await queue.enqueue(NewJob(type: "report", payload: []))
    } catch {
        switch error.kind {
        case .notExecuted: print("safe to repeat")
        case .unknown: print("repeat with the same id")
        case .refused: print("repeating does not help: \(error)")
        }
    }
}

func bindKeys(_ store: JobStore, _ digest: String, push: (JobID) async throws -> Void) async throws {
    struct StillRunning: Error {}
    struct KeyUsedBefore: Error {}
    let key = IdempotencyKey("order-4711", caller: "shop")
    switch try await store.claim(key, for: digest) {
    case .own(let base): try await push(base)
    case .running: throw StillRunning()
    case .ended: throw KeyUsedBefore()
    }
}

func readJobs(_ queue: Queue, _ id: JobID) async throws {
    if let job = try await queue.job(id) {
        print(job.state, job.attempt, job.error ?? "")
    }
}

func listJobs(_ queue: Queue) async throws {
    var page = try await queue.list(states: [.failed])
    while let next = page.next {
        page = try await queue.list(states: [.failed], after: next)
    }
}

func listStates(_ queue: Queue) async throws {
    let page = try await queue.list(states: [.failed, .cancelled])
    print(page.jobs.count)
}

func findJobs(_ queue: Queue) async throws {
    var filter = JobFilter()
    filter.states = [.failed]
    filter.tag = "billing"
    filter.payload = [PayloadCondition("customer.id", equals: "4711")].compactMap(\.self)
    let found = try await queue.find(filter)
    print(found.jobs.count)
}

func findAllJobs(_ queue: Queue, _ filter: JobFilter) async throws {
    var found = try await queue.find(filter)
    while let next = found.next {
        found = try await queue.find(filter, after: next)
    }
}

func conditions() {
    let condition = PayloadCondition("customer.addresses.0.city", equals: "Paris")
    print(condition as Any)
}

func fingerprints() {
    let fingerprint = ErrorFingerprint.of("order 4711 timed out")
    print(fingerprint == ErrorFingerprint.of("order 12 timed out"))  // true
}

func showAttempts(_ queue: Queue, _ id: JobID) async throws {
    for attempt in try await queue.job(id)?.attempts ?? [] {
        print(attempt.endedAt, attempt.worker ?? "", attempt.error ?? "")
    }
}

func showEarlierPayloads(_ queue: Queue, _ id: JobID) async throws {
    for old in try await queue.job(id)?.earlierPayloads ?? [] { print(old.replacedAt, old.size) }
}

func showErrorGroups(_ queue: Queue) async throws {
    for group in try await queue.errorGroups() {
        print(group.counts[.day] ?? 0, group.type, group.message)
    }
}

func showHistory(_ queue: Queue) async throws {
    for point in try await queue.history(step: .seconds(60), from: Date() - 3600)?.points ?? [] {
        print(point.at, point.completed ?? 0, point.queued ?? 0)
    }
}

func showScaling(_ queue: Queue) async throws {
    if let scaling = try await queue.scaling() {
        print(scaling.workersWanted, scaling.load)
    }
}

func aimOfScaling() {
    let aim = ScalingAim(slotsPerWorker: 8, clearWithin: .seconds(300))
    print(aim)
}

func steerJobs(_ queue: Queue, _ id: JobID) async throws {
    let verdict = try await queue.control(.patch(priority: 10, start: .after(.seconds(60)), maxRetries: nil), id)
    print(verdict)
}

func configureQueues(_ queue: Queue) async throws {
    try await queue.configure(QueueSettingsChange(limit: 4, lease: .seconds(60)))
    try await queue.configure(QueueSettingsChange(completed: Retention(age: .seconds(3600), count: 10_000)))
}

func readStatus(_ queue: Queue) async throws {
    if let status = try await queue.status() {
        print(status.jobs[.queued] ?? 0, status.oldestWait, status.isPaused)
    }
}

func auditQueues(_ queue: Queue) async throws {
    let report = try await queue.audit()
    for finding in report.findings { print(finding) }
}

func planRepairs(_ queue: Queue) async throws {
    let plan = try await queue.repair(try await queue.audit(), dryRun: true)
    for repair in plan { print(repair) }
}

func claimJobs(_ queue: Queue) async throws {
    let request = ClaimRequest(worker: "w-1", number: 1, upTo: 8)
    let reply = try await queue.claim(request)
    print(reply.jobs.count)
}

func settleJobs(_ queue: Queue, _ job: ClaimedJob) async throws {
    let settlement = Settlement(id: job.id, token: job.token, outcome: .completed(output: nil))
    let reply = try await queue.settle([settlement])
    print(reply.verdicts)
}

func sendHeartbeats(_ queue: Queue, _ worker: String, _ job: ClaimedJob) async throws {
    let reply = try await queue.heartbeat(
        worker: worker, [Heartbeat(id: job.id, token: job.token, progress: JobProgress(completed: 3))])
    print(reply.verdicts)
}

func listWorkers(_ queue: Queue) async throws {
    for report in try await queue.workers() {
        print(report.worker, report.sinceHeartbeat, String(decoding: report.info, as: UTF8.self))
    }
}

func listen(_ store: JobStore) async throws {
    let subscription = try await store.events(EventFilter(kinds: [.completed, .failed]))
    for try await message in subscription {
        if case .event(let event) = message { print(event.queue, event.kind, event.job?.description ?? "-") }
    }
}

func listenToAll(_ store: JobStore) async throws {
    for try await message in try await store.events() {
        if case .event(let event) = message { print(event.kind) }
    }
}

func listenFromTheStart(_ store: JobStore, _ message: EventMessage, _ saved: String) async throws {
    let subscription = try await store.events(from: .after(.start))  // all that is kept, then what happens
    let position = EventPosition(saved) ?? .start  // its description was saved
    switch message {
    case .event(let event): print(event.kind)
    case .missed: print("read the state anew")
    }
    print(subscription, position)
}

func chooseEvents(_ id: JobID) -> EventFilter {
    let filter = EventFilter(jobs: [id], kinds: [.progress, .completed])
    return filter
}

func pushTogether(_ queue: Queue, _ jobs: [NewJob]) async throws {
    switch try await queue.enqueueAtomically(jobs) {
    case .accepted(let verdicts): print("\(verdicts.count) pushed")
    case .refused(let index, let verdict): print("none pushed, because of job \(index): \(verdict)")
    }
}

func awaitResults(_ job: JobRef<Int>) async throws {
    do {
        let sum = try await job.result(within: .seconds(10))
        print(sum)
    } catch JobWaitError.timedOut {
        print("still running")
    }
}

func nameIndexes() {
    let finished = JobIndex.allCases.filter(\.isFinal)  // completed, failed, cancelled
    print(finished)
}

func delayJobs(_ midnight: Date) {
    let inAnHour = ControlVerb.patch(priority: nil, start: .after(.seconds(3600)), maxRetries: nil)
    let atMidnight = ControlVerb.patch(priority: nil, start: .at(midnight), maxRetries: nil)
    print(inAnHour, atMidnight)
}

func readControlVerdicts(_ queue: Queue, _ id: JobID) async throws {
    switch try await queue.control(.cancel, id) {
    case .done: print("cancelled")
    case .asked: print("running; it is asked to stop")
    case .refused(let state): print("not possible: it is \(state)")
    case .missing, .invalid, .uniqueKeyTaken: print("no such job")
    }
}

func linkPages(_ page: JobPage, _ text: String) {
    let link = page.next.map { "/failed?after=\($0)" }
    let next = JobCursor(text)  // nil when the text is no cursor
    print(link as Any, next as Any)
}

func resetSettings(_ queue: Queue) async throws {
    try await queue.configure(QueueSettingsChange(defaults: [.limit, .lease]))
}

func deleteQueues(_ queue: Queue) async throws {
    switch try await queue.delete(finished: true) {
    case .deleted(let finished): print("deleted, with \(finished) finished jobs")
    case .notEmpty(let waiting, let running, _): print("\(waiting) jobs wait and \(running) run; drain it first")
    case .missing: print("there is no such queue")
    }
}

func readHeartbeatVerdicts(_ reply: HeartbeatReply) {
    for verdict in reply.verdicts {
        switch verdict {
        case .held(_, let wanted): if let wanted { print("stop the job: \(wanted)") }
        case .fenced, .gone: print("stop all side effects: the lease is lost")
        }
    }
}

func readSettleVerdicts(_ settlements: [Settlement], _ reply: SettleReply) {
    for (settlement, verdict) in zip(settlements, reply.verdicts) where !verdict.isDone {
        print("\(settlement.id) runs elsewhere; this result does not count")
    }
}

func readConfirmations(_ queue: Queue, _ receipt: SendReceipt) async throws {
    let job = try await queue.enqueue(receipt, durability: .replicated)
    if case .unconfirmed(let level, let reason) = job.durability {
        print("pushed, but not known to be at \(level): \(reason)")
    }
}

func pushWithinATrace(_ queue: Queue) async throws {
    let trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1")
    let job = NewJob(type: "thumbnail", payload: Array(#"{"image": 7}"#.utf8), trace: trace)
    _ = try await queue.enqueue(job)
}

func nameRates() -> LimitRate {
    let quota = LimitRate(count: 100, per: .seconds(60), burst: 5)
    return quota
}

func setLimits(_ queue: Queue) async throws {
    try await queue.setLimit("host:*", to: QueueLimit(concurrency: 2))
    try await queue.setLimit("tenant:7", to: QueueLimit(rate: LimitRate(count: 100, per: .seconds(60))))
}

func readLimits(_ queue: Queue) async throws {
    if let limit = try await queue.limit(named: "host:example.com") {
        print(limit.usage, limit.inForce?.concurrency ?? 0, limit.waiting)
    }
}

func listLimits(_ queue: Queue) async throws {
    var page = try await queue.limits()
    while let next = page.next {
        page = try await queue.limits(after: next)
    }
}

func countByReason(_ queue: Queue) async throws {
    let waiting = try await queue.explain()?.waiting ?? [:]
    print(waiting[.limitConcurrency] ?? 0, WaitReason.limitConcurrency.rawValue)
}

func explainKeys(_ queue: Queue, _ id: JobID) async throws {
    for key in try await queue.explain(id)?.keys ?? [] {
        print(key.name, key.reason, key.limit?.usage ?? 0, key.opensAt == nil ? "not by time" : "by time")
    }
}

func explainJob(_ queue: Queue, _ id: JobID) async throws {
    if let why = try await queue.explain(id) {
        print(why.isStartable, why.reasons, why.sentences.joined(separator: " "))
    }
}

func explainQueue(_ queue: Queue) async throws {
    if let why = try await queue.explain() {
        for (reason, count) in why.waiting { print(reason.rawValue, count) }
    }
}
