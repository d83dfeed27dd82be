// A setting's key: its names in every source, its allowed values, and its meaning.

import ArgumentParser

/// The key of a setting.
struct SettingKey: Sendable, Hashable {
    /// Its path in the configuration file, such as `redis.url`.
    let name: String
    /// The allowed values, phrased to follow "must be".
    let expectation: String
    /// The default as text; `nil` without one.
    let fallback: String?
    /// What the setting does.
    let meaning: String
    /// Whether the value must never be printed.
    let isSecret: Bool

    /// Its environment variables, highest precedence first.
    ///
    /// Keys of the section `download` also have a form with two underscores, which existing deployments use.
    var environment: [String] {
        let words = name.uppercased().split(separator: ".")
        let single = words.joined(separator: "_")
        return words.first == "DOWNLOAD" ? [words.joined(separator: "__"), single] : [single]
    }

    /// Whether a part of its value may be a secret, so that no error repeats it.
    var mayHoldSecret: Bool { isSecret || name == "download.source_url" }

    /// The value for display: of a URL neither what may be a user name and password nor the query.
    func shown(_ value: String) -> String {
        guard mayHoldSecret else { return value }
        var text = value
        // The last @, since a password may contain any character.
        if let at = text.lastIndex(of: "@") {
            let start = text.firstRange(of: "://")?.upperBound ?? text.startIndex
            if start <= at { text.replaceSubrange(start..<at, with: "(hidden)") }
        }
        guard let mark = text.firstIndex(of: "?") else { return text }
        return text[...mark] + "(hidden)"
    }

    /// The variables that name a file with the value; only for secrets.
    var environmentOfFile: [String] { isSecret ? environment.map { $0 + "_FILE" } : [] }

    /// The key of a file with the value; only for secrets.
    var nameOfFile: String? { isSecret ? name + "_file" : nil }

    /// Its flag without dashes.
    var flagName: String { Self.flagName(name) }

    /// The flag for a key or for the key of its file.
    static func flagName(_ name: String) -> String {
        String(name.map { $0 == "." || $0 == "_" ? "-" : $0 })
    }
}

/// A key with the parser of its values.
struct Setting<Value: Sendable>: Sendable {
    let key: SettingKey
    /// The default.
    let fallback: Value
    /// Parses a value; throws ``InvalidValue``.
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

    /// The option's name for the argument parser.
    var flag: NameSpecification { .customLong(key.flagName) }

    /// The option's help for the argument parser.
    var help: ArgumentHelp { ArgumentHelp("\(key.meaning) (\(key.environment[0]))", valueName: "value") }
}

/// The text is not a valid value.
struct InvalidValue: Error {}
