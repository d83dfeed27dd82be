// The command line reference as Markdown, generated from the commands.

import ArgumentParser
import MartletJSON

/// Generates the part of the article `CommandLine` that lists all commands.
enum CommandReference {
    /// The marker in the article; everything after it is generated.
    static let marker = "<!-- What follows is the output of `martlet reference`. -->"

    /// All visible commands with their arguments and options.
    static var markdown: String {
        let commands = visible(tool["command"]["subcommands"])
        let sections = commands.flatMap { section($0, path: ["martlet"]) }
        return ([shared(commands)] + sections).joined(separator: "\n") + "\n"
    }

    /// The parser's description of the command and its subcommands.
    static var tool: JSONValue { (try? JSONValue(MartletCommand._dumpHelp().utf8)) ?? .null }

    /// The visible ones of these commands.
    static func visible(_ commands: JSONValue) -> [JSONValue] {
        (commands.array ?? []).filter { $0["shouldDisplay"].bool != false && $0["commandName"].string != "help" }
    }

    /// A command and its subcommands.
    private static func section(_ command: JSONValue, path: [String]) -> [String] {
        let name = command["commandName"].string ?? ""
        let path = path + [name]
        let inner = visible(command["subcommands"])
        guard inner.isEmpty else {
            let heading = "## \(path.joined(separator: " "))\n\n\(sentence(command["abstract"]))\n"
            return [heading] + inner.flatMap { section($0, path: path) }
        }
        let level = path.count > 2 ? "###" : "##"
        var text = "\(level) \(path.joined(separator: " "))\n\n\(sentence(command["abstract"]))\n"
        let arguments = ReferenceArgument.all(of: command)
        text += "\n```\n\(ReferenceArgument.usage(of: path, arguments))\n```\n"
        if let discussion = command["discussion"].string { text += "\n\(discussion)\n" }
        text += table(arguments.filter { !$0.isShared && !$0.isSetting })
        return [text + rest(arguments)]
    }

    private static func table(_ arguments: [ReferenceArgument]) -> String {
        guard !arguments.isEmpty else { return "" }
        let rows = arguments.map { argument in
            let spelling = argument.spellings.map { "`\($0)`" }.joined(separator: ", ")
            let fallback = argument.fallback.map { " Default: `\($0)`." } ?? ""
            let meaning = (argument.meaning + fallback).replacing("|", with: "\\|").replacing("*", with: "\\*")
            return "| \(spelling) | \(meaning) |"
        }
        return "\n| argument | meaning |\n|---|---|\n" + rows.joined(separator: "\n") + "\n"
    }

    /// The names of the shared options.
    private static func rest(_ arguments: [ReferenceArgument]) -> String {
        let settings = arguments.filter(\.isSetting).map { "`\($0.name)`" }
        let shared = arguments.filter(\.isShared).map { "`\($0.name)`" }
        var text = ""
        if !settings.isEmpty { text += "\nSettings, see <doc:Configuring>: \(settings.joined(separator: ", ")).\n" }
        if !shared.isEmpty { text += "\nAlso \(shared.joined(separator: ", ")).\n" }
        return text
    }

    /// The shared options, once.
    private static func shared(_ commands: [JSONValue]) -> String {
        let all = (commands + commands.flatMap { visible($0["subcommands"]) }).flatMap(ReferenceArgument.all)
        var seen: Set<String> = []
        let shared = all.filter { $0.isShared && seen.insert($0.name).inserted }
        return "## Options of many commands\n" + table(shared)
    }

    private static func sentence(_ text: JSONValue) -> String { text.string ?? "" }
}
