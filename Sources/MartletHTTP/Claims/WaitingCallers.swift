// The callers that wait for jobs of one queue: who looks next, and when. Pure.

/// The callers that wait for jobs of one queue.
///
/// One token, or one moment at which jobs may have come, makes one caller look. When it leaves more jobs behind, the next
/// one looks, so that any number of callers share one wait at Redis.
struct WaitingCallers: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// The callers in the order of their arrival.
    private var waiting: [Int] = []
    /// The caller that looks now.
    private(set) var looking: Int?
    /// Whether jobs may have come since it began.
    private var isWoken = false
    /// When somebody has to look even without a token.
    private(set) var nextLook: Instant?

    /// Whether anybody waits.
    var isEmpty: Bool { waiting.isEmpty }

    /// A caller has found nothing and waits; `nextLook` is when it would look again.
    mutating func join(_ caller: Int, nextLook moment: Instant) {
        waiting.append(caller)
        nextLook = min(nextLook ?? moment, moment)
    }

    /// A caller waits no longer; answers who has to look in its place.
    mutating func leave(_ caller: Int) -> Int? {
        waiting.removeAll { $0 == caller }
        if waiting.isEmpty { nextLook = nil }
        guard looking == caller else { return nil }
        // It may have left what made it look.
        looking = nil
        isWoken = false
        return lookNext()
    }

    /// Jobs may have come; answers who has to look.
    mutating func woken() -> Int? {
        guard looking == nil else {
            isWoken = true
            return nil
        }
        return lookNext()
    }

    /// A caller has looked and waits on; answers who has to look next.
    ///
    /// - Parameters:
    ///   - goesOn: whether there are jobs that it left.
    ///   - moment: when somebody has to look again.
    mutating func looked(_ caller: Int, goesOn: Bool, nextLook moment: Instant) -> Int? {
        guard looking == caller else { return nil }
        looking = nil
        nextLook = moment
        // Jobs that this caller cannot run may suit another.
        if goesOn, waiting.first == caller { waiting.append(waiting.removeFirst()) }
        let again = goesOn || isWoken
        isWoken = false
        return again ? lookNext() : nil
    }

    private mutating func lookNext() -> Int? {
        looking = waiting.first
        return looking
    }
}
