// The loop of one queue: asks the turn machine, does what it says, starts what was claimed.

import Logging
import MartletJobs
import MartletQueue
import Synchronization

/// Claims, starts and settles the jobs of one queue.
final class QueueLoop: Sendable {
    typealias Instant = ContinuousClock.Instant

    let crew: Crew
    let queue: Queue
    let slots: Int
    let table: JobTable
    let inbox: TurnInbox
    let line: StartLine
    let beats: BeatLoop
    let meters: QueueMeters
    /// How many jobs were given back so far.
    let releases = Atomic(0)
    private let unknownTypes = UnknownTypes()
    private let logger: Logger

    init(_ crew: Crew, queue: Queue, slots: Int) {
        self.crew = crew
        self.queue = queue
        self.slots = slots
        var logger = crew.logger
        logger[metadataKey: "queue"] = "\(queue.name)"
        logger[metadataKey: "worker_id"] = "\(crew.worker)"
        self.logger = logger
        meters = QueueMeters(queue: queue.name, types: crew.handlers.types)
        table = JobTable(on: crew.thread)
        inbox = TurnInbox(on: crew.lane)
        line = StartLine(slots: slots, patience: crew.configuration.claimAhead * 4)
        beats = BeatLoop(crew, queue: queue, slots: slots, table: table, meters: meters, logger: logger)
    }

    /// Works until told to stop and all is settled, or until told to give up.
    func run() async {
        var machine = TurnMachine(
            worker: crew.worker, slots: slots, pollInterval: crew.configuration.pollInterval,
            claimAhead: crew.configuration.claimAhead, isolatesLostJobs: crew.configuration.isolatesLostJobs, now: .now)
        let listener = WakeListener(queue: queue, inbox: inbox, crew: crew)
        var isFailing = false
        var hasYielded = false
        while true {
            let now = Instant.now
            crew.configuration.health?.wentRound(queue.name)
            let news = inbox.take(withAnswer: !hasYielded)
            hasYielded = false
            // A stop that came before a reply counts: what the claim brought is then given back unstarted.
            machine.note(news, at: now)
            clearLine(&machine, at: now)
            if let answer = news.answer {
                let outcome = machine.replied(answer.turn, answer.result, at: now)
                report(outcome, &isFailing)
                let heldUntil = answer.sent + (outcome.lease ?? .zero)
                if crew.pool.gather({ start(outcome.started, heldUntil: heldUntil, now: now) }) {
                    // Handlers on this thread run now, and what ends goes out before the next reply is looked at.
                    await Task.yield()
                    hasYielded = true
                    continue
                }
            }
            switch machine.next(at: now) {
            case .finish: return listener.stop()
            case .wait(let instant, let listens, let ended):
                if let listens { listens ? listener.start() : listener.stop() }
                let standsUntil = line.standsUntil
                await inbox.wait(until: instant.map { min($0, standsUntil ?? $0) } ?? standsUntil, ended: ended)
            case .turn(let turn): send(turn, at: now)
            }
        }
    }

    private func send(_ turn: Turn, at now: Instant) {
        Task(executorPreference: crew.lane.executor) { [queue, inbox] in
            var result: Result<TurnReply, QueueError>
            do throws(QueueError) {
                result = .success(try await queue.turn(settle: turn.settle.map(\.settlement), claim: turn.claim))
            } catch { result = .failure(error) }
            inbox.answered(TurnAnswer(turn: turn.number, sent: now, result: result))
        }
    }
}

// MARK: - Starting

extension QueueLoop {
    /// Starts the handlers; says whether one of them runs on this thread.
    private func start(_ jobs: [ClaimedJob], heldUntil: Instant, now: Instant) -> Bool {
        var isHere = false
        for job in jobs {
            let meters = meters[job.type]
            if let waited = job.waited { meters.waited(waited) }
            if let entry = crew.handlers[job.type] {
                // The reply was so late that another worker may have the job already.
                guard heldUntil > now else {
                    end(job, .released(after: nil), meters)
                    continue
                }
                start(job, entry, heldUntil: heldUntil, now: now, meters)
                if entry.place == .loop { isHere = true }
            } else {
                giveBack(job, meters)
            }
        }
        return isHere
    }

    private func start(
        _ job: ClaimedJob, _ entry: HandlerEntry, heldUntil: Instant, now: Instant, _ meters: JobMeters
    ) {
        let running = table.add(job, heldUntil: heldUntil, beats: beats.pulse, now: now)
        let isIsolated = entry.place == .process || (job.lost > 0 && crew.configuration.isolatesLostJobs)
        let attempt = Attempt(
            job: job, entry: entry, isIsolated: isIsolated, grace: crew.configuration.cancellationGrace,
            running: running, queue: queue.name, worker: crew.worker, middleware: crew.configuration.middleware,
            logger: logger, meters: meters)
        if line.enter(attempt, at: now) { launch(attempt) }
    }

    private func launch(_ attempt: Attempt) {
        let executor = attempt.entry.place == .loop ? crew.lane.executor : crew.pool
        // Not a child task: a handler that ignores its cancellation must not keep the process from ending.
        attempt.running.attach(
            Task(executorPreference: executor) { [self] in
                let ended = await attempt.run()
                table.remove(attempt.running)
                if let next = line.next() { launch(next, after: attempt) }
                inbox.ended(ended)
            })
    }

    /// The thread on which one attempt ends is free for the next: nobody else need be woken.
    private func launch(_ next: Attempt, after last: Attempt) {
        last.entry.place == .loop ? launch(next) : crew.pool.handOver { launch(next) }
    }

    /// Gives back what waits for slots that do not become free, or everything when no more is to be started.
    private func clearLine(_ machine: inout TurnMachine, at now: Instant) {
        let left = line.leave(at: now, all: machine.isStopping)
        guard !left.isEmpty else { return }
        for attempt in left {
            table.remove(attempt.running)
            machine.ended(attempt.unstarted())
        }
        machine.stalled()
        logger.debug("Jobs claimed ahead are given back unstarted", metadata: ["jobs": .stringConvertible(left.count)])
    }

    /// Ends the attempt of a job that nothing here can run.
    private func giveBack(_ job: ClaimedJob, _ meters: JobMeters) {
        let rule = UnknownTypeRule(crew.configuration)
        let outcome = rule.outcome(of: job, chance: .random(in: 0...1))
        logger.log(
            level: unknownTypes.isNew(job.type) ? .warning : .debug,
            "No handler for this type of job here; such jobs are given back",
            metadata: ["type": "\(job.type)", "job_id": "\(job.id)", "attempt": "\(job.failures + 1)"])
        end(job, outcome, meters)
    }

    private func end(_ job: ClaimedJob, _ outcome: Settlement.Outcome, _ meters: JobMeters) {
        var ended = Ended(job, outcome)
        ended.meters = meters
        inbox.ended(ended)
    }
}

// MARK: - What the log and the meters say

extension QueueLoop {
    private func report(_ outcome: TurnMachine.Outcome, _ isFailing: inout Bool) {
        if let error = outcome.error {
            logger.log(
                level: isFailing ? .debug : .warning, "A turn failed; it will be repeated",
                metadata: ["error": "\(error)"])
        }
        if isFailing, outcome.error == nil { logger.info("Turns succeed again") }
        isFailing = outcome.error != nil
        crew.configuration.health?.turned(queue.name, failed: isFailing)
        if let lease = outcome.lease { beats.leaseIs(lease) }
        beats.noteStops(outcome.stops)
        for (ended, verdict) in outcome.verdicts { report(ended, verdict) }
    }

    private func report(_ ended: Ended, _ verdict: SettleVerdict) {
        let result = ended.settlement.outcome
        let word = result.word(for: verdict)
        ended.meters?.finished(word)
        switch verdict {
        case .settled(let state):
            if word == .released { releases.add(1, ordering: .relaxed) }
            let level: Logger.Level = word == .failed ? .error : word == .retried ? .warning : .debug
            logger.log(
                level: level, "The attempt ended",
                metadata: result.metadata(ended.labels(["outcome": "\(word)", "state": "\(state)"])))
        case .duplicate, .gone:
            logger.debug("The attempt had been settled", metadata: ended.labels(["verdict": "\(verdict)"]))
        case .fenced:
            if !ended.knowsLoss { meters.leasesLost(1) }
            logger.warning(
                "The lease was lost before the attempt was settled; its end does not count",
                metadata: ended.labels([:]))
        }
    }
}

extension Ended {
    /// What a log line says of the attempt; queue and worker are the logger's.
    fileprivate func labels(_ more: Logger.Metadata) -> Logger.Metadata {
        more.merging(["job_id": "\(settlement.id)", "type": "\(type)", "attempt": "\(attempt)"]) { $1 }
    }
}

extension Settlement.Outcome {
    /// The word under which the end of an attempt is counted.
    fileprivate func word(for verdict: SettleVerdict) -> OutcomeWord {
        switch (verdict, self) {
        case (.fenced, _): .fenced
        case (.settled(.paused), _): .paused
        case (.settled(.cancelled), _): .cancelled
        case (.settled(.failed), _), (_, .failedForGood): .failed
        case (_, .completed): .completed
        case (_, .failed), (_, .crashed): .retried
        case (_, .released), (_, .unknownType), (_, .postponed): .released
        case (_, .snoozed): .snoozed
        }
    }

    /// The error, where there is one, cut to what a log line bears.
    fileprivate func metadata(_ more: Logger.Metadata) -> Logger.Metadata {
        switch self {
        case .failed(_, let error), .failedForGood(let error), .crashed(_, let error), .postponed(_, let error):
            more.merging(["error": "\(error.prefix(1000))"]) { $1 }
        case .completed, .released, .unknownType, .snoozed: more
        }
    }
}
