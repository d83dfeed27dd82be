// Checks that the tests detect mistakes in the scripts: each mutant must be detected by the model, the audit or a scenario;
// those that nothing can detect are listed with the reason.
//
// MARTLET_MUTANTS: `all`, the names of the scripts whose mutants are taken, with commas between them, or how many of them,
// chosen at random; 25 by default.

import FoundationEssentials
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite(.serialized) struct MutationTests {
    /// How long a mutant may stay undetected: the number of runs and of their operations.
    private static let runs = 10
    private static let length = 300

    @Test func `every mutant is detected, except those that nothing can detect`() async throws {
        let mutants = Self.chosen()
        let verdicts = Verdicts(mutants)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    let server = try await PrivateRedisServer.start(
                        directory: temporaryDirectory("mutants"), within: .seconds(60))
                    while let mutant = verdicts.next() { verdicts.add(mutant, try await Self.hunt(mutant, on: server)) }
                    await server.stop()
                }
            }
            try await group.waitForAll()
        }
        for line in verdicts.lines { print(line) }
        print("mutants: \(verdicts.summary) in \(ContinuousClock.now - start)")
        for mutant in mutants {
            let seen = verdicts.verdict(mutant)
            if let why = mutant.survives {
                #expect(seen == nil, "\(mutant) is noticed though it should not be: \(why)")
            } else {
                #expect(seen != nil, "nothing notices: \(mutant)")
            }
        }
    }

    @Test func `the scenarios pass on the unchanged scripts`() async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("scenarios"), within: .seconds(60))
        try await RealStore.on(server, scripts: .withClockThatStands()) { real in
            for scenario in Scenario.all {
                try await real.clear()
                #expect(try await scenario.holds(real), "\(scenario.name)")
            }
        }
        await server.stop()
    }

    @Test func `an outdated mutant is reported`() {
        for change in [
            Change(file: .turn, anchor: "not there", edit: .removed),
            Change(file: .turn, anchor: "turn-held", edit: .replaced("not there", "")),
        ] { #expect(throws: NoSuchLine.self) { try ScriptTable.withClockThatStands(change) } }
    }

    private static func chosen() -> [Mutant] {
        let wanted = ProcessInfo.processInfo.environment["MARTLET_MUTANTS"] ?? "25"
        if wanted == "all" { return Mutant.all }
        let files = wanted.split(separator: ",").compactMap { ScriptFile(rawValue: String($0)) }
        if !files.isEmpty { return Mutant.all.filter { files.contains($0.change.file) } }
        return Array(Mutant.all.shuffled().prefix(Int(wanted) ?? 25))
    }

    /// What detected the mutant; `nil` when nothing did.
    private static func hunt(_ mutant: Mutant, on server: PrivateRedisServer) async throws -> String? {
        try await RealStore.on(server, scripts: .withClockThatStands(mutant.change)) { real in
            for scenario in Scenario.all {
                try await real.clear()
                let holds = (try? await scenario.holds(real)) ?? false
                if !holds { return "scenario: \(scenario.name)" }
            }
            // The quick checks first: few mutants are detected by the audit alone.
            // First runs without limits, then the same with them.
            let runs = (1...Self.runs).map { ($0, false) } + [(1, true), (2, true)]
            for (seed, audits, hasLimits) in runs.map({ ($0, $1, false) }) + runs.map({ ($0, $1, true) }) {
                var generator = Generator(seed: UInt64(seed), withFaults: false, withLimits: hasLimits)
                var left = length
                let (run, failing) = try await Run.play(on: real, audits: audits, listens: seed % 2 == 0) { model in
                    left -= 1
                    return left < 0 ? nil : generator.next(model)
                }
                guard let failing else { continue }
                return "\(failing.check.rawValue), seed \(seed), step \(run.operations.count)"
            }
            return nil
        }
    }
}

/// Which mutants were detected by what.
private final class Verdicts: Sendable {
    private let mutants: [Mutant]
    private let state: Mutex<(next: Int, seen: [String: String])> = Mutex((0, [:]))

    init(_ mutants: [Mutant]) { self.mutants = mutants }

    func next() -> Mutant? {
        state.withLock { state in
            guard state.next < mutants.count else { return nil }
            defer { state.next += 1 }
            return mutants[state.next]
        }
    }

    func add(_ mutant: Mutant, _ seen: String?) { state.withLock { $0.seen[mutant.description] = seen } }

    func verdict(_ mutant: Mutant) -> String? { state.withLock { $0.seen[mutant.description] } }

    var lines: [String] { mutants.map { "  \($0.change.file): \($0): \(verdict($0) ?? "not noticed")" } }

    var summary: String { "\(mutants.count { verdict($0) != nil }) of \(mutants.count) noticed" }
}
