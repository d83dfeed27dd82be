// What is known of one key of the configuration: its names in every source, what fits it, what it means.

import ArgumentParser

/// One key of the configuration as people see it.
struct SettingKey: Sendable, Hashable {
    /// Its path in the configuration file, such as `redis.url`.
    let name: String
    /// What fits, as the rest of a sentence that begins with "must be".
    let expectation: String
    /// The default as a user would write it; `nil` when there is none.
    let fallback: String?
    /// What it is for.
    let meaning: String
    /// Whether its value must never be shown.
    let isSecret: Bool

    /// Its environment variables, the one that wins first.
    ///
    /// The section `download` has a form with two underscores, which existing deployments use.
    var environment: [String] {
        let words = name.uppercased().split(separator: ".")
        let single = words.joined(separator: "_")
        return words.first == "DOWNLOAD" ? [words.joined(separator: "__"), single] : [single]
    }

    /// The value as people may see it: the query of a URL may hold a secret.
    func shown(_ value: String) -> String {
        guard name == "download.source_url", let mark = value.firstIndex(of: "?") else { return value }
        return value[...mark] + "(hidden)"
    }

    /// Variables that name a file which holds the value; secrets alone have them.
    var environmentOfFile: [String] { isSecret ? environment.map { $0 + "_FILE" } : [] }

    /// The path in the configuration file for a file that holds the value; secrets alone have it.
    var nameOfFile: String? { isSecret ? name + "_file" : nil }

    /// Its flag without the dashes.
    var flagName: String { Self.flagName(name) }

    /// The flag for a key or for the name of its file.
    static func flagName(_ name: String) -> String {
        String(name.map { $0 == "." || $0 == "_" ? "-" : $0 })
    }
}

/// A key together with how its text becomes a value.
struct Setting<Value: Sendable>: Sendable {
    let key: SettingKey
    /// The value where no source has one.
    let fallback: Value
    /// Makes the value or throws ``Unfit``.
    let parse: @Sendable (String) throws -> Value

    init(
        _ name: String, fallback: Value, shownAs: String?, must expectation: String, meaning: String,
        isSecret: Bool = false, parse: @escaping @Sendable (String) throws -> Value
    ) {
        key = SettingKey(
            name: name, expectation: expectation, fallback: shownAs, meaning: meaning, isSecret: isSecret)
        self.fallback = fallback
        self.parse = parse
    }

    /// The name of the option for the argument parser.
    var flag: NameSpecification { .customLong(key.flagName) }

    /// The help of the option for the argument parser.
    var help: ArgumentHelp { ArgumentHelp("\(key.meaning) (\(key.environment[0]))", valueName: "value") }
}

/// The text is not a value of its key.
struct Unfit: Error {}
