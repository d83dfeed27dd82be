// Random runs against the real scripts and a model in plain values, which must agree after every step.
//
// MARTLET_MODEL_SECONDS: how long they go on, 20 by default. MARTLET_MODEL_SEED: the first seed, random by default. A seed
// gives the same run on every machine.

import FoundationEssentials
import MartletRedis
import Synchronization
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct ModelTests {
    /// The number of operations of one run; the next run begins with an empty queue.
    static let length = 400

    @Test func `after every step of random runs the store has the state and the replies of the model`()
        async throws
    {
        let environment = ProcessInfo.processInfo.environment
        let seconds = environment["MARTLET_MODEL_SECONDS"].flatMap { Int($0) } ?? 20
        let first = environment["MARTLET_MODEL_SEED"].flatMap { UInt64($0) } ?? .random(in: 1...999_999_999)
        let seeds = Seeds(first: first, end: .now + .seconds(seconds))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 { group.addTask { try await Self.playAll(seeds) } }
            try await group.waitForAll()
        }
        let (runs, steps, missed) = seeds.summary()
        print("model: seeds \(first) to \(seeds.last), \(runs) runs, \(steps) steps, not met: \(missed)")
        if steps > Seeds.enough { #expect(missed.isEmpty, "nothing of this was met in \(steps) steps") }
    }

    private static func playAll(_ seeds: Seeds) async throws {
        let server = try await PrivateRedisServer.start(
            directory: temporaryDirectory("model"), options: ["--appendonly", "yes", "--appendfsync", "no"],
            within: .seconds(60))
        try await RealStore.on(server, scripts: .withClockThatStands()) { real in
            while let seed = seeds.next() {
                var generator = Generator(seed: seed)
                var left = length
                let (run, failing) = try await Run.play(on: real, listens: seed % 2 == 0) { model in
                    left -= 1
                    return left < 0 ? nil : generator.next(model)
                }
                seeds.add(run)
                guard let failing else { continue }
                let short = try await Run.shrink(failing, on: real, within: .seconds(60))
                Issue.record(
                    "seed \(seed), step \(failing.operations.count): \(failing.check)\n\(short)\n\(Self.again(seed))")
                return
            }
        }
        await server.stop()
    }

    private static func again(_ seed: UInt64) -> String {
        "again: MARTLET_MODEL_SEED=\(seed) MARTLET_MODEL_SECONDS=1 scripts/test --filter ModelTests/after"
    }
}

/// Hands out seeds until the time is over, and counts them.
private final class Seeds: Sendable {
    /// In more steps than this, all that is notable should have been met.
    static let enough = 6000
    /// By chance something was not met in them, but not in so many.
    private static let most = 30_000

    private struct State {
        var next: UInt64
        var runs = 0
        var steps = 0
        var sightings: Set<String> = []
    }

    private let state: Mutex<State>
    private let end: ContinuousClock.Instant
    private let first: UInt64

    init(first: UInt64, end: ContinuousClock.Instant) {
        self.first = first
        self.end = end
        state = Mutex(State(next: first))
    }

    var last: UInt64 { state.withLock { $0.next - 1 } }

    /// The next seed; `nil` when the time is over, but never for the first one.
    func next() -> UInt64? {
        state.withLock { state in
            let isMissing = state.sightings.count < Run.notable.count
            let goesOn = state.steps > Self.enough && state.steps < Self.most && isMissing
            guard state.next == first || ContinuousClock.now < end || goesOn else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    func add(_ run: Run) {
        state.withLock { state in
            state.runs += 1
            state.steps += run.operations.count
            state.sightings.formUnion(run.sightings)
        }
    }

    func summary() -> (runs: Int, steps: Int, missed: [String]) {
        state.withLock { state in
            (state.runs, state.steps, Run.notable.filter { !state.sightings.contains($0) })
        }
    }
}
