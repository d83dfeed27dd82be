// Configuration errors: all at once, each with what to change.

import MartletCommandSupport

/// One invalid setting.
struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// The variable, flag or key as the user wrote it, with its file.
    var variable: String
    /// The given value; `nil` for a secret.
    var value: String?
    /// What is wrong and which values are allowed.
    var message: String

    var description: String {
        guard let value else { return "\(variable): \(message)" }
        return "\(variable)=\(Self.shown(value)): \(message)"
    }

    /// The value on one line, truncated.
    private static func shown(_ value: String) -> String {
        let line = String(String.UnicodeScalarView(value.unicodeScalars.prefix(100).map { isPlain($0) ? $0 : "?" }))
        return value.isEmpty ? "\"\"" : line + (value.unicodeScalars.count > 100 ? "…" : "")
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

/// A configuration that cannot be used.
struct ConfigurationError: CommandFailureConvertible, Equatable, CustomStringConvertible {
    /// The exit code for it (EX_CONFIG).
    static let exitCode: Int32 = 78

    /// All problems, never empty.
    var problems: [ConfigurationProblem]

    var commandFailure: CommandFailure { CommandFailure(.configuration, description) }

    var description: String {
        let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
        return (["\(count) in the configuration:"] + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}
