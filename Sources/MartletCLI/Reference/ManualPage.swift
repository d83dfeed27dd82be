// The manual page martlet(1) in the man macros of roff, generated from the commands and settings.

import ArgumentParser
import MartletJSON

/// Generates `martlet.1`.
enum ManualPage {
    /// The whole page.
    static var text: String {
        let tool = CommandReference.tool["command"]
        let commands = CommandReference.visible(tool["subcommands"])
        let parts = [
            [".TH MARTLET 1 \"\" \"martlet \(Version.current)\" \"User Commands\""],
            [".SH NAME", "martlet \\- " + escaped(lowered(tool["abstract"].string ?? ""))],
            [".SH SYNOPSIS", ".B martlet", ".I NOUN VERB", "[options]"],
            [".SH DESCRIPTION"] + paragraphs(tool["discussion"].string ?? ""),
            [".SH COMMANDS"] + commands.flatMap { command($0, path: ["martlet"]) },
            [".SH ENVIRONMENT"] + Settings.all.flatMap(setting),
            [".SH SEE ALSO", ".BR redis-server (1)"],
        ]
        return parts.joined().joined(separator: "\n") + "\n"
    }

    /// A command with its arguments, or its subcommands.
    private static func command(_ json: JSONValue, path: [String]) -> [String] {
        let path = path + [json["commandName"].string ?? ""]
        let inner = CommandReference.visible(json["subcommands"])
        guard inner.isEmpty else { return inner.flatMap { command($0, path: path) } }
        let arguments = ReferenceArgument.all(of: json)
        let usage = escaped(ReferenceArgument.usage(of: path, arguments))
        return [".SS \"\(usage)\""] + paragraphs(json["abstract"].string ?? "")
            + (json["discussion"].string.map { [".PP"] + paragraphs($0) } ?? [])
            + arguments.filter { !$0.isSetting }.flatMap(argument)
    }

    private static func argument(_ argument: ReferenceArgument) -> [String] {
        let fallback = argument.fallback.map { " Default: \($0)." } ?? ""
        return [".TP", "\\fB" + escaped(argument.spellings.joined(separator: ", ")) + "\\fR"]
            + paragraphs(argument.meaning + fallback)
    }

    private static func setting(_ key: SettingKey) -> [String] {
        let fallback = key.fallback.map { " Default: \($0)." } ?? ""
        return [".TP", "\\fB" + escaped((key.environment + key.environmentOfFile).joined(separator: ", ")) + "\\fR"]
            + paragraphs(key.meaning + fallback)
    }

    /// The lines of a text; indented lines and tables keep their form.
    private static func paragraphs(_ text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count > 1 else { return lines.map(escaped) }
        return [".nf"] + lines.map { $0.isEmpty ? ".sp" : escaped($0) } + [".fi"]
    }

    /// A text escaped for roff.
    private static func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-").replacing("\"", with: "\\(dq")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }

    /// A summary without its capital and full stop, as whatis(1) expects.
    private static func lowered(_ text: String) -> String {
        let text = text.hasSuffix(".") ? String(text.dropLast()) : text
        return text.prefix(1).lowercased() + text.dropFirst()
    }
}
