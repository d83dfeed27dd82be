// The faults of a connection, the rules that select requests, and random choices by seed.

/// A class of faults of a connection.
public enum FaultKind: String, Sendable, Hashable, CaseIterable {
    /// The request never arrives.
    case drop
    /// The request is executed, its reply is lost.
    case swallow
    /// The request arrives late, and those after it too, even after its sender has given up.
    case delay
    /// The request is executed twice; only the first reply is passed on.
    case duplicate
    /// Nothing more is read from the client or sent to it.
    case halfOpen = "half-open"
    /// The connection is reset right after the request was forwarded.
    case reset
    /// The first half of the reply arrives, then the connection ends.
    case partial
    /// The reply arrives byte by byte.
    case slow

    /// Whether every request still gets its complete reply, perhaps late.
    public var keepsReplies: Bool { [.delay, .duplicate, .slow].contains(self) }
}

/// One fault.
public struct Fault: Sendable, Hashable {
    /// Its class.
    public var kind: FaultKind
    /// How long a delay takes, or the pause between two bytes.
    public var pause: Duration
    /// Whether the connection stays open and silent after a lost request or reply, instead of closing.
    public var isSilent: Bool

    /// A fault of this class.
    public init(_ kind: FaultKind, pause: Duration = .milliseconds(1), isSilent: Bool = false) {
        self.kind = kind
        self.pause = pause
        self.isSilent = isSilent
    }
}

/// A rule that applies a fault to some requests.
public struct FaultRule: Sendable {
    /// The requests that a rule applies to.
    public enum Target: Sendable {
        /// All requests.
        case any
        /// Requests with this command.
        case command(String)
        /// Requests that contain this text, such as the digest of a script.
        case containing(String)
    }

    var fault: Fault
    var target: Target
    /// How often it still applies; `nil` for always.
    var times: Int?
    var condition: (@Sendable () -> Bool)?

    /// Creates a rule.
    ///
    /// - Parameters:
    ///   - fault: the fault.
    ///   - target: the requests.
    ///   - times: how often it applies; `nil` means always.
    ///   - condition: called for each of these requests; must be quick.
    public init(
        _ fault: Fault, to target: Target = .any, times: Int? = 1, when condition: (@Sendable () -> Bool)? = nil
    ) {
        self.fault = fault
        self.target = target
        self.times = times
        self.condition = condition
    }

    func applies(to request: RESPRequest) -> Bool {
        let isMeant =
            switch target {
            case .any: true
            case .command(let name): request.command == name.uppercased()
            case .containing(let text): request.contains(Array(text.utf8))
            }
        return isMeant && condition?() ?? true
    }
}

/// Random faults, the same ones for the same seed and the same requests.
public struct FaultDice: Sendable {
    private let kinds: [FaultKind]
    private let rate: Double
    private let longestDelay: Duration
    private var random: SeededRandom

    /// Creates random faults of these classes; one request of `1 / rate` gets one.
    public init(_ kinds: [FaultKind], rate: Double, longestDelay: Duration = .milliseconds(60), seed: UInt64) {
        self.kinds = kinds
        self.rate = rate
        self.longestDelay = longestDelay
        random = SeededRandom(seed)
    }

    mutating func fault(for request: RESPRequest) -> Fault? {
        guard Double.random(in: 0..<1, using: &random) < rate, let kind = kinds.randomElement(using: &random) else {
            return nil
        }
        let isSilent = Bool.random(using: &random)
        // A repeated blocking command would never be answered.
        if kind == .duplicate, request.command == "BLPOP" { return nil }
        let share = Double.random(in: 0.1...1, using: &random)
        return Fault(kind, pause: kind == .delay ? longestDelay * share : .milliseconds(1), isSilent: isSilent)
    }
}

/// Random numbers that a seed repeats (SplitMix64).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Creates the numbers of a seed.
    public init(_ seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
