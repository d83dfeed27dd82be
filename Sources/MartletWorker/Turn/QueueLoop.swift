// The loop of one queue: performs the actions of the turn machine and starts claimed jobs.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// Claims, starts and settles the jobs of one queue.
final class QueueLoop: Sendable {
    typealias Instant = ContinuousClock.Instant

    let context: WorkerContext
    let queue: Queue
    let slots: Int
    let table: JobTable
    let inbox: TurnInbox
    let runQueue: LocalRunQueue
    let heartbeats: HeartbeatLoop
    let metrics: QueueMetrics
    private let tracing: WorkerTracing?
    /// The number of jobs released so far.
    let releaseCount = Atomic(0)
    private let unknownTypes = UnknownTypes()
    private let logger: Logger

    init(_ context: WorkerContext, queue: Queue, slots: Int) {
        self.context = context
        self.queue = queue
        self.slots = slots
        var logger = context.logger
        logger[metadataKey: "queue"] = "\(queue.name)"
        logger[metadataKey: "worker_id"] = "\(context.worker)"
        self.logger = logger
        tracing = WorkerTracing(queue.tracing)
        metrics = QueueMetrics(queue: queue.name, types: context.handlers.types)
        table = JobTable(on: context.thread)
        inbox = TurnInbox(on: context.connection)
        runQueue = LocalRunQueue(slots: slots, waitLimit: context.configuration.claimAhead * 4)
        heartbeats = HeartbeatLoop(context, queue: queue, slots: slots, table: table, metrics: metrics, logger: logger)
    }

    /// Runs until stopped and settled, or until abandoned.
    func run() async {
        var machine = TurnMachine(
            worker: context.worker, slots: slots, pollInterval: context.configuration.pollInterval,
            claimAhead: context.configuration.claimAhead,
            isolatesLostJobs: context.configuration.isolatesLostJobs, now: .now)
        let listener = WakeListener(queue: queue, inbox: inbox, context: context)
        var isFailing = false
        var hasYielded = false
        while true {
            let now = Instant.now
            context.configuration.health?.loopRan(queue.name)
            let events = inbox.take(withAnswer: !hasYielded)
            hasYielded = false
            // A stop before the reply applies to it: jobs in the reply are released without being started.
            machine.note(events, at: now)
            releaseWaiting(&machine, at: now)
            if let answer = events.answer {
                let outcome = machine.replied(answer.turn, answer.result, at: now)
                report(outcome, &isFailing)
                let heldUntil = answer.sent + (outcome.lease ?? .zero)
                if context.pool.gather({ start(outcome.started, heldUntil: heldUntil, now: now) }) {
                    // Handlers on this thread run now, and their results are sent before the next reply is processed.
                    await Task.yield()
                    hasYielded = true
                    continue
                }
            }
            switch machine.next(at: now) {
            case .finish: return listener.stop()
            case .wait(let instant, let listens, let ended):
                if let listens { listens ? listener.start() : listener.stop() }
                let releaseTime = runQueue.releaseTime
                await inbox.wait(until: instant.map { min($0, releaseTime ?? $0) } ?? releaseTime, ended: ended)
            case .turn(let turn): send(turn, at: now)
            }
        }
    }

    private func send(_ turn: Turn, at now: Instant) {
        let span = tracing?.settle(turn.settle, in: queue.name)
        Task(executorPreference: context.connection.executor) { [queue, inbox, tracing] in
            var result: Result<TurnReply, QueueError>
            do throws(QueueError) {
                result = .success(try await queue.turn(settle: turn.settle.map(\.settlement), claim: turn.claim))
            } catch { result = .failure(error) }
            if let tracing, let span { tracing.end(span, result) }
            inbox.answered(TurnResult(turn: turn.number, sent: now, result: result))
        }
    }
}

// MARK: - Starting

extension QueueLoop {
    /// Starts the handlers; returns whether one of them runs on this thread.
    private func start(_ jobs: [ClaimedJob], heldUntil: Instant, now: Instant) -> Bool {
        var isHere = false
        for job in jobs {
            let metrics = metrics[job.type]
            if let waited = job.waited { metrics.waited(waited) }
            if let entry = context.handlers[job.type] {
                // The reply came so late that another worker may hold the job.
                guard heldUntil > now else {
                    end(job, .released(after: nil), metrics)
                    continue
                }
                start(job, entry, heldUntil: heldUntil, now: now, metrics)
                if entry.place == .loop { isHere = true }
            } else {
                release(job, metrics)
            }
        }
        return isHere
    }

    private func start(
        _ job: ClaimedJob, _ entry: HandlerEntry, heldUntil: Instant, now: Instant, _ metrics: JobMetrics
    ) {
        let running = table.add(job, heldUntil: heldUntil, heartbeats: heartbeats.wakeTimer, now: now)
        let isIsolated = entry.place == .process || (job.lost > 0 && context.configuration.isolatesLostJobs)
        let attempt = Attempt(
            job: job, entry: entry, isIsolated: isIsolated, grace: context.configuration.cancellationGrace,
            running: running, queue: queue.name, worker: context.worker, middleware: context.configuration.middleware,
            logger: logger, metrics: metrics, tracing: tracing)
        if runQueue.enter(attempt, at: now) { launch(attempt) }
    }

    private func launch(_ attempt: Attempt) {
        let executor = attempt.entry.place == .loop ? context.connection.executor : context.pool
        // Not a child task: a handler that ignores cancellation must not keep the process from ending.
        attempt.running.attach(
            Task(executorPreference: executor) { [self] in
                let ended = await attempt.run()
                table.remove(attempt.running)
                if let next = runQueue.next() { launch(next, after: attempt) }
                inbox.ended(ended)
            })
    }

    /// Starts the next attempt on the thread that the last one frees, so no other thread is woken.
    private func launch(_ next: Attempt, after last: Attempt) {
        last.entry.place == .loop ? launch(next) : context.pool.handOver { launch(next) }
    }

    /// Releases jobs that waited too long for a slot, or all waiting jobs when the worker stops.
    private func releaseWaiting(_ machine: inout TurnMachine, at now: Instant) {
        let left = runQueue.leave(at: now, all: machine.isStopping)
        guard !left.isEmpty else { return }
        for attempt in left {
            table.remove(attempt.running)
            machine.ended(attempt.unstarted())
        }
        machine.stalled()
        logger.debug("unstarted jobs released", metadata: ["jobs": .stringConvertible(left.count)])
    }

    /// Finishes the attempt of a job without a handler here.
    private func release(_ job: ClaimedJob, _ metrics: JobMetrics) {
        let rule = UnknownTypeRule(
            delay: context.configuration.unknownTypeDelay, limit: context.configuration.unknownTypeLimit)
        let outcome = rule.outcome(of: job, chance: .random(in: 0...1))
        logger.log(
            level: unknownTypes.isNew(job.type) ? .warning : .debug,
            "no handler for job type, job released",
            metadata: ["type": "\(job.type)", "job_id": "\(job.id)", "attempt": .stringConvertible(job.failures + 1)])
        end(job, outcome, metrics)
    }

    private func end(_ job: ClaimedJob, _ outcome: Settlement.Outcome, _ metrics: JobMetrics) {
        var ended = FinishedAttempt(job, outcome)
        ended.metrics = metrics
        inbox.ended(ended)
    }
}

// MARK: - What the log and the meters say

extension QueueLoop {
    private func report(_ outcome: TurnMachine.Outcome, _ isFailing: inout Bool) {
        if let error = outcome.error {
            logger.log(
                level: isFailing ? .debug : .warning, "claim/settle request failed, will retry",
                metadata: ["error": "\(error)"])
        }
        if isFailing, outcome.error == nil { logger.info("claim/settle requests succeed again") }
        isFailing = outcome.error != nil
        context.configuration.health?.turnFinished(queue.name, failed: isFailing)
        if let lease = outcome.lease { heartbeats.leaseIs(lease) }
        heartbeats.noteStops(outcome.stops)
        for (ended, verdict) in outcome.verdicts { report(ended, verdict) }
    }

    private func report(_ ended: FinishedAttempt, _ verdict: SettleVerdict) {
        let result = ended.settlement.outcome
        let word = result.word(for: verdict)
        ended.metrics?.finished(word)
        switch verdict {
        case .settled(let state):
            if word == .released { releaseCount.add(1, ordering: .relaxed) }
            let level: Logger.Level = word == .failed ? .error : word == .retried ? .warning : .debug
            logger.log(
                level: level, "attempt finished",
                metadata: result.metadata(ended.labels(["outcome": "\(word)", "state": "\(state)"])))
        case .duplicate, .gone:
            logger.debug("attempt already settled", metadata: ended.labels(["verdict": "\(verdict)"]))
        case .fenced:
            if !ended.knowsLoss { metrics.leasesLost(1) }
            logger.warning(
                "lease lost before settling, outcome discarded",
                metadata: ended.labels([:]))
        }
    }
}

extension FinishedAttempt {
    /// The log metadata of the attempt; the logger has queue and worker.
    fileprivate func labels(_ more: Logger.Metadata) -> Logger.Metadata {
        more.merging(["job_id": "\(settlement.id)", "type": "\(type)", "attempt": .stringConvertible(attempt)]) { $1 }
    }
}

extension Settlement.Outcome {
    /// The label under which the outcome is counted.
    fileprivate func word(for verdict: SettleVerdict) -> OutcomeLabel {
        switch verdict {
        case .settled(let state): label(in: state)
        case .duplicate, .gone: label(in: nil)
        case .fenced: .fenced
        }
    }

    /// The error, if any, truncated for a log line.
    fileprivate func metadata(_ more: Logger.Metadata) -> Logger.Metadata {
        switch self {
        case .failed(_, let error), .failedForGood(let error), .crashed(_, let error), .postponed(_, let error):
            more.merging(["error": "\(error.prefix(1000))"]) { $1 }
        case .throttled(let key, _, let reason):
            more.merging(["key": "\(key)", "reason": "\(reason.prefix(1000))"]) { $1 }
        case .completed, .released, .unknownType, .snoozed: more
        }
    }
}
