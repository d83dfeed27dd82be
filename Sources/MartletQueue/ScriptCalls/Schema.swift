// What Swift and the scripts must agree on, written once: keys, indexes, settings, constants. Lua gets it as source.

/// The facts of the store's form.
enum Schema {
    /// The version of the form in which this release writes a queue.
    static let version = 1
    /// The least version that can read what this release writes.
    static let readableFrom = 1
    /// Both, as `meta` keeps them.
    static let stored = "\(version) \(readableFrom)"

    /// What a queue's prefix is followed by in the key of a job; the job's id comes behind it.
    static let jobKey = "job:"
    /// The keys of a queue that are not indexes, by what follows the queue's prefix.
    static let otherKeys = ["meta", "wake", "claims", "unique", "tomb", "tombs", "workers"]
    /// The indexes in the order in which one is believed where several hold a job.
    static let believed: [JobIndex] = [.active, .paused, .delayed, .queued, .completed, .failed, .cancelled]

    /// The fields of a job's hash with which the end of an attempt has more to look at than the token.
    static let moreFields: [JobField] = [.uniqueKey, .digest, .wanted]

    /// A setting of a queue, as `meta` keeps it.
    struct Setting {
        /// The field's name.
        var name: String
        /// The values that it may have.
        var range: ClosedRange<Int>
        /// The value of a queue that has none.
        var standard: Int
        /// Whether every call needs it, so that it stands in the plan.
        var isInPlan = false
    }

    /// All settings of a queue.
    static let settings = [
        Setting(name: "limit", range: 0...1_000_000, standard: 0, isInPlan: true),
        Setting(name: "lease", range: 50...900_000, standard: 30_000, isInPlan: true),
        Setting(name: "step", range: 1...longestStep, standard: longestStep, isInPlan: true),
        age(.completed, isInPlan: true), count(.completed, isInPlan: true), age(.failed), count(.failed),
        age(.cancelled), count(.cancelled),
        Setting(name: "durability", range: 0...2, standard: 0),
    ]

    private static func age(_ index: JobIndex, isInPlan: Bool = false) -> Setting {
        Setting(name: "\(index.rawValue)_age", range: 0...longestWait, standard: 86_400_000, isInPlan: isInPlan)
    }

    private static func count(_ index: JobIndex, isInPlan: Bool = false) -> Setting {
        Setting(name: "\(index.rawValue)_count", range: 0...1_000_000_000, standard: 100_000, isInPlan: isInPlan)
    }

    /// A year in ms: the longest delay, the longest timeout and the longest retention.
    static let longestWait = 31_536_000_000
    /// What one level of priority is worth in ms where priorities are strict.
    static let longestStep = 1 << 42
    /// The priorities that a job may have.
    static let priorities = -1000...1000
    /// How often a failed attempt may be tried again.
    static let retries = 0...100
    /// How often a job may be lost in a row before it fails as poison.
    static let mostLosses = 3
    /// The same where each time its worker died while the job ran in a process of its own, and hardly can be the cause.
    static let mostLossesApart = 6

    /// The constants of the scripts, by their names in Lua.
    private static let constants: [(name: String, value: Int)] = [
        ("LEAST_PRIORITY", priorities.lowerBound), ("MOST_PRIORITY", priorities.upperBound),
        ("MOST_RETRIES", retries.upperBound), ("DEFAULT_RETRIES", JobRecord.defaultMaxRetries),
        ("MAX_LOST", mostLosses), ("MAX_LOST_APART", mostLossesApart), ("MAX_WAIT", longestWait),
        ("MOST_COUNT", Int(Int32.max)),
        // Above this a double does not tell whole numbers apart.
        ("MOST_EXACT", 1 << 53),
        // Lua writes larger numbers with an exponent.
        ("MAX_CLAIMS", 100_000_000_000_000), ("VERSION", version),
    ]
}

extension Schema {
    /// The tables and constants as Lua source.
    static var lua: String {
        let indexes = believed.map(\.rawValue)
        let final = believed.filter(\.isFinal).map(\.rawValue)
        let plan = settings.filter(\.isInPlan)
        return """
            \(constants.map { "local \($0.name) = \($0.value)" }.joined(separator: "\n"))
            local SCHEMA = '\(stored)'
            local KEYS_OF_A_QUEUE = \(list(indexes + otherKeys))
            local INDEXES, FINAL = \(list(indexes)), \(list(final))
            local IS_INDEX, IS_FINAL = \(set(indexes)), \(set(final))
            local MORE_FIELDS = \(list(moreFields.map(\.rawValue)))
            local SETTINGS = { \(settings.map(lua).joined(separator: ", ")) }
            local PLAN = { halted = 0, \(plan.map { "\($0.name) = \($0.standard)" }.joined(separator: ", ")) }
            local PLAN_NAMES = \(list(plan.map(\.name)))

            """
    }

    /// The names that the source above defines, for what checks the scripts.
    static var luaNames: [String] {
        constants.map(\.name) + [
            "SCHEMA", "KEYS_OF_A_QUEUE", "INDEXES", "FINAL", "IS_INDEX", "IS_FINAL", "MORE_FIELDS", "SETTINGS", "PLAN",
            "PLAN_NAMES",
        ]
    }

    private static func list(_ words: [String]) -> String {
        "{ \(words.map { "'\($0)'" }.joined(separator: ", ")) }"
    }

    private static func set(_ words: [String]) -> String {
        "{ \(words.map { "\($0) = true" }.joined(separator: ", ")) }"
    }

    private static func lua(_ setting: Setting) -> String {
        "\(setting.name) = { \(setting.range.lowerBound), \(setting.range.upperBound), \(setting.standard) }"
    }
}
