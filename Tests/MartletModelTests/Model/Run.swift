// A run: operation by operation, the same to the model and to the store, and all compared after each.

import MartletJobs

@testable import MartletQueue

/// What a run found: the operations up to the one after which something was wrong, and what.
struct Failing: Error, CustomStringConvertible {
    var operations: [Operation]
    /// Which of the checks saw it.
    var check: Check
    var what: String

    enum Check: String, Sendable {
        case answer, store, wake, audit, events, trouble
    }

    var description: String {
        let list = operations.enumerated().map { "  \($0.offset + 1). \($0.element)" }.joined(separator: "\n")
        return "\(check.rawValue): \(what)\nafter\n\(list)"
    }
}

/// One run on a stage.
struct Run {
    private(set) var model = Model(now: Stage.start)
    private(set) var operations: [Operation] = []
    /// What was seen so far, in words of the answers.
    private(set) var sightings: Set<String> = []
    /// What a listener makes of the events alone.
    private var heard: Heard?

    /// Plays what `next` says until it says nothing more, or something is wrong.
    static func play(
        on stage: Stage, audits: Bool = true, listens: Bool = true, _ next: (Model) -> Operation?
    ) async throws -> (run: Run, failing: Failing?) {
        try await stage.clear()
        var run = Run()
        if listens {
            try await stage.listen(for: Heard.longest)
            run.heard = Heard()
        }
        while let operation = next(run.model) {
            run.operations.append(operation)
            do {
                try await run.step(operation, on: stage, audits: audits)
            } catch let failing as Failing {
                return (run, failing)
            } catch {
                return (run, Failing(operations: run.operations, check: .trouble, what: "\(error)"))
            }
        }
        return (run, nil)
    }

    private mutating func step(_ operation: Operation, on stage: Stage, audits: Bool) async throws {
        let foretold = model.perform(operation)
        let answer = try await stage.perform(operation, now: model.now)
        see(foretold)
        guard answer == foretold else {
            throw Failing(
                operations: operations, check: .answer, what: "\n    store: \(answer)\n    model: \(foretold)")
        }
        let view = try await stage.view()
        let differences = view.differences(from: StoreView(model))
        guard differences.isEmpty else {
            throw Failing(operations: operations, check: .store, what: "\n  " + differences.joined(separator: "\n  "))
        }
        if let sleeper = sleeper(view.wakeTokens) {
            throw Failing(operations: operations, check: .wake, what: sleeper)
        }
        if let missed = try await heard?.missed(on: stage, model), !missed.isEmpty {
            throw Failing(operations: operations, check: .events, what: "\n  " + missed.joined(separator: "\n  "))
        }
        guard audits else { return }
        let findings = try await stage.audit()
        guard findings.isEmpty else {
            throw Failing(operations: operations, check: .audit, what: findings.joined(separator: ", "))
        }
    }

    /// Tokens are hints, but where work may be claimed and nobody has taken a token, one must be there.
    private func sleeper(_ tokens: Int) -> String? {
        if tokens > 64 { return "\(tokens) wake tokens" }
        if model.isHalted { return tokens == 0 ? nil : "\(tokens) wake tokens while paused" }
        if model.sawEnd, tokens > 0 { return "\(tokens) wake tokens for nobody" }
        let hasRoom = model.limit == 0 || model.count(.active) < model.limit
        if tokens == 0, hasRoom, model.count(.queued) > 0 { return "no wake token for work that may be claimed" }
        if tokens == 0, model.hasNewHead { return "no wake token for the next job to fall due" }
        return nil
    }

    private mutating func see(_ answer: String) {
        for word in Self.notable where !sightings.contains(word) && answer.contains(word) { sightings.insert(word) }
    }

    /// What a run of some length must have met, or it shows little.
    static let notable = [
        ".queued", ".scheduled", ".retrying", ".active", ".paused", ".completed", ".failed", ".cancelled", "existing",
        "deleted", "conflict", "uniqueKeyTaken", "invalid", "refused", "stale", "full lease", "paused lease",
        "duplicate", "fenced", "gone", "wanted: Optional", "missing", "asked", "busy", "lost", "poison",
    ]
}

extension Run {
    /// Makes a failing run as short as it can: fewer operations that still fail, in any way.
    static func shrink(_ failing: Failing, on stage: Stage, within limit: Duration) async throws -> Failing {
        let end = ContinuousClock.now + limit
        var best = failing
        var size = max(1, failing.operations.count / 2)
        while true {
            var start = 0
            while start < best.operations.count, ContinuousClock.now < end {
                var fewer = best.operations
                fewer.removeSubrange(start..<min(start + size, fewer.count))
                if !fewer.isEmpty, let again = try await replay(fewer, on: stage, audits: failing.check == .audit) {
                    best = again
                } else {
                    start += size
                }
            }
            if size == 1 || ContinuousClock.now >= end { return best }
            size /= 2
        }
    }

    /// Plays a list of operations; `nil` when nothing is wrong.
    static func replay(_ operations: [Operation], on stage: Stage, audits: Bool = true) async throws -> Failing? {
        var left = operations[...]
        return try await play(on: stage, audits: audits) { _ in left.popFirst() }.failing
    }
}
