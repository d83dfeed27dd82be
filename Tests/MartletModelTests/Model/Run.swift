// A run: applies each operation to the model and to the store, and compares both after each.

import MartletJobs

@testable import MartletQueue

/// A failing run: the operations up to the one that failed, and the difference.
struct Failing: Error, CustomStringConvertible {
    var operations: [Operation]
    /// The check that failed.
    var check: Check
    var what: String

    enum Check: String, Sendable {
        case answer, store, wake, audit, events, explain, trouble
    }

    var description: String {
        let list = operations.enumerated().map { "  \($0.offset + 1). \($0.element)" }.joined(separator: "\n")
        return "\(check.rawValue): \(what)\nafter\n\(list)"
    }
}

/// One run on a real store.
struct Run {
    private(set) var model = Model(now: RealStore.start)
    private(set) var operations: [Operation] = []
    /// The texts of replies seen so far.
    private(set) var sightings: Set<String> = []
    /// What a listener makes of the events alone.
    private var heard: Heard?

    /// Runs the operations of `next` until it returns `nil`, or a check fails.
    static func play(
        on real: RealStore, audits: Bool = true, listens: Bool = true, _ next: (Model) -> Operation?
    ) async throws -> (run: Run, failing: Failing?) {
        try await real.clear()
        var run = Run()
        if listens {
            try await real.listen(for: Heard.longest)
            run.heard = Heard()
        }
        while let operation = next(run.model) {
            run.operations.append(operation)
            do {
                try await run.step(operation, on: real, audits: audits)
            } catch let failing as Failing {
                return (run, failing)
            } catch {
                return (run, Failing(operations: run.operations, check: .trouble, what: "\(error)"))
            }
        }
        return (run, nil)
    }

    private mutating func step(_ operation: Operation, on real: RealStore, audits: Bool) async throws {
        let foretold = model.perform(operation)
        let answer = try await real.perform(operation, now: model.now)
        see(foretold)
        guard answer == foretold else {
            throw Failing(
                operations: operations, check: .answer, what: "\n    store: \(answer)\n    model: \(foretold)")
        }
        let view = try await real.view()
        let differences = view.differences(from: StoreView(model))
        guard differences.isEmpty else {
            throw Failing(operations: operations, check: .store, what: "\n  " + differences.joined(separator: "\n  "))
        }
        if let sleeper = sleeper(view.wakeTokens) {
            throw Failing(operations: operations, check: .wake, what: sleeper)
        }
        if let missed = try await heard?.missed(on: real, model), !missed.isEmpty {
            throw Failing(operations: operations, check: .events, what: "\n  " + missed.joined(separator: "\n  "))
        }
        let wrong = try await wrongExplanations(on: real)
        guard wrong.isEmpty else {
            throw Failing(operations: operations, check: .explain, what: "\n  " + wrong.joined(separator: "\n  "))
        }
        guard audits else { return }
        let findings = try await real.audit()
        guard findings.isEmpty else {
            throw Failing(operations: operations, check: .audit, what: findings.joined(separator: ", "))
        }
    }

    /// Wake tokens are hints, but while jobs can be claimed and no token was taken, one must exist.
    private func sleeper(_ tokens: Int) -> String? {
        if tokens > 64 { return "\(tokens) wake tokens" }
        if model.isHalted { return tokens == 0 ? nil : "\(tokens) wake tokens while paused" }
        if model.sawEnd, tokens > (model.hasNewOpening ? 1 : 0) { return "\(tokens) wake tokens for nobody" }
        let hasRoom = model.limit == 0 || model.count(.active) < model.limit
        if tokens == 0, hasRoom, model.count(.queued) > 0 { return "no wake token for work that may be claimed" }
        if tokens == 0, model.hasNewHead { return "no wake token for the next job to fall due" }
        if tokens == 0, model.hasNewOpening { return "no wake token for the next key to open" }
        return nil
    }

    private mutating func see(_ answer: String) {
        for word in Self.notable where !sightings.contains(word) && answer.contains(word) { sightings.insert(word) }
    }

    /// The replies that a run of some length must have seen.
    static let notable = [
        ".queued", ".scheduled", ".retrying", ".active", ".paused", ".completed", ".failed", ".cancelled", "existing",
        "deleted", "conflict", "uniqueKeyTaken", "invalid", "refused", "stale", "full lease", "paused lease",
        "duplicate", "fenced", "gone", "wanted: Optional", "missing", "asked", "busy", "lost", "poison",
        ".blocked", "tooHeavy",
    ]
}

extension Run {
    /// Shortens a failing run: fewer operations that still fail, in any way.
    static func shrink(_ failing: Failing, on real: RealStore, within limit: Duration) async throws -> Failing {
        let end = ContinuousClock.now + limit
        var best = failing
        var size = max(1, failing.operations.count / 2)
        while true {
            var start = 0
            while start < best.operations.count, ContinuousClock.now < end {
                var fewer = best.operations
                fewer.removeSubrange(start..<min(start + size, fewer.count))
                if !fewer.isEmpty, let again = try await replay(fewer, on: real, audits: failing.check == .audit) {
                    best = again
                } else {
                    start += size
                }
            }
            if size == 1 || ContinuousClock.now >= end { return best }
            size /= 2
        }
    }

    /// Runs a list of operations; `nil` when all checks pass.
    static func replay(_ operations: [Operation], on real: RealStore, audits: Bool = true) async throws -> Failing? {
        var left = operations[...]
        return try await play(on: real, audits: audits) { _ in left.popFirst() }.failing
    }
}
