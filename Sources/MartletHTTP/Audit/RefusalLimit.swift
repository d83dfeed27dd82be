// Bounds the entries of refused requests, so that nobody fills the audit trail with them.

import MartletQueue
import Synchronization

/// Lets one refusal of each kind through in a minute, and a bounded number of all.
final class RefusalLimit: Sendable {
    /// Refusals that count as one.
    struct Kind: Hashable, Sendable {
        var who: String
        var route: String
        var code: ProblemCode
    }

    /// How long a kind stays silent, and how many kinds have an entry in that time.
    static let pause = Duration.seconds(60)
    static let most = 60

    private struct State {
        var begun = ContinuousClock.now
        /// The kinds that had an entry in this minute.
        var admitted: Set<Kind> = []
        /// How many of a kind were left out since its last entry; bounded too.
        var left: [Kind: Int] = [:]
    }

    private let state = Mutex(State())

    /// Whether a refusal has an entry: how many of its kind were left out before it, or `nil` for none.
    func admit(_ kind: Kind, now: ContinuousClock.Instant = .now) -> Int? {
        state.withLock { state in
            if now - state.begun >= Self.pause {
                state.begun = now
                state.admitted = []
            }
            guard state.admitted.count < Self.most, state.admitted.insert(kind).inserted else {
                if state.left.count < 1000 || state.left[kind] != nil { state.left[kind, default: 0] += 1 }
                return nil
            }
            return state.left.removeValue(forKey: kind) ?? 0
        }
    }
}
