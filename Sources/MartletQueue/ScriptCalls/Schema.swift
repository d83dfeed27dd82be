// The facts that Swift and the scripts share, defined once: keys, indexes, settings, constants. Lua receives them as
// source.

/// The schema of the store.
enum Schema {
    /// The schema version that this release writes.
    static let version = 1
    /// The lowest version that can read what this release writes.
    static let readableFrom = 1
    /// Both versions, as stored in `meta`.
    static let stored = "\(version) \(readableFrom)"

    /// The part of a job's key between the queue's prefix and the job's id.
    static let jobKey = "job:"
    /// The keys of a queue that are not indexes, without the queue's prefix, and their Redis types.
    static let otherKeys: [(name: String, type: String)] =
        [
            ("meta", "hash"), ("wake", "list"), ("claims", "hash"), ("unique", "hash"), ("tombstones", "zset"),
            ("tombstone_digests", "hash"),
            ("workers", "hash"), ("events", "stream"), ("trail", "stream"), ("errors", "zset"),
            ("error_groups", "hash"),
            ("times", "hash"), ("limits", "hash"), ("usage", "hash"), ("standing", "hash"), ("rates", "zset"),
            ("opens", "zset"), ("throttled", "hash"),
        ] + (HistoryRing.allCases.map(\.key) + TimeRing.allCases.map(\.key)).map { ($0, "stream") }
    /// The part of the key of a limit's waiters between the queue's prefix and the limit's key.
    static let waitersKey = "waits:"
    /// All keys of a queue except those of jobs and of waiters, and their Redis types.
    static let keys = believed.map { (name: $0.rawValue, type: "zset") } + otherKeys
    /// The indexes by precedence, for a job that is in several of them.
    static let believed: [JobIndex] = [
        .active, .paused, .delayed, .blocked, .queued, .completed, .failed, .cancelled,
    ]

    /// The fields of a job's hash that require more checks than the token when an attempt ends.
    static let moreFields = JobField.allCases.filter(\.needsMore)

    /// A year in ms: the longest delay, the longest timeout and the longest retention.
    static let longestWait = 31_536_000_000
    /// The ms that one level of priority is worth under strict priorities.
    static let longestStep = 1 << 42
    /// The allowed priorities.
    static let priorities = -1000...1000
    /// The allowed numbers of retries.
    static let retries = 0...100
    /// The number of consecutive losses after which a job fails as poison.
    static let mostLosses = 3
    /// The same for losses in a separate process, where the job is rarely the cause of its worker's death.
    static let mostLossesApart = 6

    /// How many limits a queue may have, and the largest number in one.
    static let mostLimits = 10_000
    static let mostLimitValue = 1_000_000

    /// How many groups of errors a queue keeps, and for how many ms.
    static let mostErrorGroups = 200
    static let errorSpan = 604_800_000
    /// The ms of the steps in which the failures of a group are counted: of the last hours, and of the last days.
    static let fineErrorStep = 300_000
    static let coarseErrorStep = 3_600_000

    /// The constants of the scripts by their Lua names.
    private static let constants: [(name: String, value: Int)] = [
        ("LEAST_PRIORITY", priorities.lowerBound), ("MOST_PRIORITY", priorities.upperBound),
        ("MOST_RETRIES", retries.upperBound), ("DEFAULT_RETRIES", JobRecord.defaultMaxRetries),
        ("MAX_LOST", mostLosses), ("MAX_LOST_APART", mostLossesApart), ("MAX_WAIT", longestWait),
        ("MOST_COUNT", Int(Int32.max)),
        // Doubles above this do not represent all integers.
        ("MOST_EXACT", 1 << 53),
        // Lua writes larger numbers with an exponent.
        ("MAX_CLAIMS", 100_000_000_000_000), ("VERSION", version),
        ("MOST_GROUPS", mostErrorGroups), ("ERRORS_MS", errorSpan), ("FINE_MS", fineErrorStep),
        ("COARSE_MS", coarseErrorStep), ("MOST_LIMITS", mostLimits), ("MOST_LIMIT_VALUE", mostLimitValue),
    ]
}

extension Schema {
    /// The tables and constants as Lua source.
    static var lua: String {
        let indexes = believed.map(\.rawValue)
        let final = believed.filter(\.isFinal).map(\.rawValue)
        let plan = StoredSetting.allCases.filter(\.isInPlan)
        return """
            \(constants.map { "local \($0.name) = \($0.value)" }.joined(separator: "\n"))
            local SCHEMA = '\(stored)'
            local JOB_KEY, WAITERS_KEY = '\(jobKey)', '\(waitersKey)'
            local POISON_PRINT = '\(ErrorFingerprint.of(Settlement.poison))'
            local KEYS_OF_A_QUEUE = \(list(keys.map(\.name)))
            local INDEXES, FINAL = \(list(indexes)), \(list(final))
            local IS_INDEX, IS_FINAL = \(set(indexes)), \(set(final))
            local MORE_FIELDS = \(list(moreFields.map(\.rawValue)))
            local SETTINGS = { \(StoredSetting.allCases.map(lua).joined(separator: ", ")) }
            local PLAN = { halted = 0, listen = 0, limited = 0, \(plan.map { "\($0.rawValue) = \($0.standard)" }.joined(separator: ", ")) }
            local PLAN_NAMES = \(list(plan.map(\.rawValue)))
            local HISTORY_RINGS = { \(HistoryRing.allCases.map(lua).joined(separator: ", ")) }
            local TIME_RINGS = { \(TimeRing.allCases.map(lua).joined(separator: ", ")) }

            """
    }

    private static func list(_ words: [String]) -> String {
        "{ \(words.map { "'\($0)'" }.joined(separator: ", ")) }"
    }

    private static func set(_ words: [String]) -> String {
        "{ \(words.map { "\($0) = true" }.joined(separator: ", ")) }"
    }

    private static func lua(_ ring: HistoryRing) -> String {
        "{ name = '\(ring.key)', slot = \(ring.slot), kept = \(ring.kept), quiet = \(ring.quiet) }"
    }

    private static func lua(_ ring: TimeRing) -> String {
        "{ name = '\(ring.key)', slot = \(ring.slot), kept = \(ring.kept) }"
    }

    private static func lua(_ setting: StoredSetting) -> String {
        "\(setting.rawValue) = { \(setting.range.lowerBound), \(setting.range.upperBound), \(setting.standard) }"
    }
}
