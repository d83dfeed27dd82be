// Runs whole test suites behind a faulty connection; the environment sets the class of faults, their rate and the seed.

@_exported public import FaultInjection
import FoundationEssentials
public import Testing

/// The faults of this test process, from `MARTLET_TEST_FAULTS=class:rate:seed`.
///
/// For instance `swallow:0.02:7`. A class is a ``FaultKind``, or `mixed` for all of them.
public struct TestFaults: Sendable {
    /// The classes.
    public let kinds: [FaultKind]
    /// The share of requests with a fault.
    public let rate: Double
    /// The seed.
    public let seed: UInt64

    /// The faults of the environment; `nil` without any.
    public static let current: TestFaults? = {
        guard let text = ProcessInfo.processInfo.environment["MARTLET_TEST_FAULTS"], !text.isEmpty else { return nil }
        guard let faults = TestFaults(text) else {
            preconditionFailure("MARTLET_TEST_FAULTS=\(text): say class:rate:seed, for instance swallow:0.02:7")
        }
        return faults
    }()

    init?(_ text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 3, let rate = Double(parts[1]), (0...1).contains(rate), let seed = UInt64(parts[2])
        else { return nil }
        if parts[0] == "mixed" {
            kinds = FaultKind.allCases
        } else if let kind = FaultKind(rawValue: String(parts[0])) {
            kinds = [kind]
        } else {
            return nil
        }
        self.rate = rate
        self.seed = seed
    }

    /// Whether a request may remain without a reply.
    public var losesReplies: Bool { !kinds.allSatisfy(\.keepsReplies) }

    /// The random faults of one test.
    func dice(salt: Int) -> FaultDice { FaultDice(kinds, rate: rate, seed: seed &+ UInt64(salt)) }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test that needs a connection without faults.
    public static func needsCleanLine(_ reason: Comment) -> Self {
        .enabled(if: TestFaults.current == nil, reason)
    }

    /// Skips a test that needs each of its requests to be executed once.
    public static func needsSingleRequests(_ reason: Comment) -> Self {
        .enabled(if: TestFaults.current.map { !$0.kinds.contains(.duplicate) } ?? true, reason)
    }
}
