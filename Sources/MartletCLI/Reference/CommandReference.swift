// The reference of the command line as Markdown, made from the commands themselves.

import ArgumentParser

/// Writes the part of the article `CommandLine` that lists all commands.
enum CommandReference {
    /// What stands before it in the article; whatever stands behind it is generated.
    static let marker = "<!-- What follows is the output of `martlet reference`. -->"

    /// All commands that people see, each with its arguments and options.
    static var markdown: String {
        let tool = (try? JSON(MartletCommand._dumpHelp().utf8)) ?? .null
        let commands = visible(tool["command"]["subcommands"])
        let sections = commands.flatMap { section($0, path: ["martlet"]) }
        return ([shared(commands)] + sections).joined(separator: "\n") + "\n"
    }

    private static func visible(_ commands: JSON) -> [JSON] {
        (commands.array ?? []).filter { $0["shouldDisplay"].bool != false && $0["commandName"].string != "help" }
    }

    /// A command, and those below it.
    private static func section(_ command: JSON, path: [String]) -> [String] {
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
        text += "\n```\n\(usage(path, arguments))\n```\n"
        if let discussion = command["discussion"].string { text += "\n\(discussion)\n" }
        text += table(arguments.filter { !$0.isShared && !$0.isSetting })
        return [text + rest(arguments)]
    }

    private static func usage(_ path: [String], _ arguments: [ReferenceArgument]) -> String {
        let operands = arguments.filter { $0.isOperand || ($0.isNeeded && !$0.isShared) }.map(\.usage)
        let hasOptions = arguments.contains { !$0.isOperand && !$0.isNeeded }
        return (path + operands + (hasOptions ? ["[options]"] : [])).joined(separator: " ")
    }

    private static func table(_ arguments: [ReferenceArgument]) -> String {
        guard !arguments.isEmpty else { return "" }
        let rows = arguments.map { "| \($0.spelling) | \($0.meaning) |" }
        return "\n| argument | meaning |\n|---|---|\n" + rows.joined(separator: "\n") + "\n"
    }

    /// The options that many commands share, by their names alone.
    private static func rest(_ arguments: [ReferenceArgument]) -> String {
        let settings = arguments.filter(\.isSetting).map { "`\($0.name)`" }
        let shared = arguments.filter(\.isShared).map { "`\($0.name)`" }
        var text = ""
        if !settings.isEmpty { text += "\nSettings, see <doc:Configuring>: \(settings.joined(separator: ", ")).\n" }
        if !shared.isEmpty { text += "\nAlso \(shared.joined(separator: ", ")).\n" }
        return text
    }

    /// The options that many commands share, once.
    private static func shared(_ commands: [JSON]) -> String {
        let all = (commands + commands.flatMap { visible($0["subcommands"]) }).flatMap(ReferenceArgument.all)
        var seen: Set<String> = []
        let shared = all.filter { $0.isShared && seen.insert($0.name).inserted }
        return "## Options of many commands\n" + table(shared)
    }

    private static func sentence(_ text: JSON) -> String { text.string ?? "" }
}

/// One argument, option or flag of a command.
private struct ReferenceArgument {
    private let json: JSON

    /// Those of a command that people see, without help and version.
    static func all(of command: JSON) -> [ReferenceArgument] {
        (command["arguments"].array ?? []).map(ReferenceArgument.init).filter { argument in
            argument.json["shouldDisplay"].bool != false && !["--help", "--version"].contains(argument.name)
        }
    }

    private init(_ json: JSON) { self.json = json }

    /// Named the same and meaning the same in every command that has it.
    private static let sharedNames: Set<String> = [
        "--server", "--token", "--token-file", "--output", "--config", "--limit", "--all", "--cursor", "--yes",
        "--wait-seconds",
    ]

    var isOperand: Bool { json["kind"].string == "positional" }
    var isNeeded: Bool { json["isOptional"].bool != true }
    /// `--all` of `download pause` is another one than that of lists.
    var isShared: Bool {
        guard Self.sharedNames.contains(name) else { return false }
        if name == "--all" { return json["abstract"].string == "All of them." }
        return name != "--yes" || json["abstract"].string == "Do it without asking."
    }
    var isSetting: Bool {
        Settings.all.contains { key in
            [key.name, key.nameOfFile].compactMap(\.self).contains { "--" + SettingKey.flagName($0) == name }
        }
    }

    /// The longest name with its dashes; of an operand its name in capitals.
    var name: String {
        guard !isOperand else { return (json["valueName"].string ?? "").uppercased() }
        return names.last { $0.hasPrefix("--") } ?? names.last ?? ""
    }

    /// Every name, and the value behind it.
    var spelling: String {
        let value = json["kind"].string == "option" ? " " + (json["valueName"].string ?? "").uppercased() : ""
        let all = isOperand ? [name] : names.sorted { $0.count < $1.count }
        return all.enumerated().map { "`\($1)\($0 == all.count - 1 ? value : "")`" }.joined(separator: ", ")
    }

    var usage: String {
        if !isOperand { return name + " " + (json["valueName"].string ?? "").uppercased() }
        let many = json["isRepeating"].bool == true ? "\(name) …" : name
        return isNeeded ? many : "[\(many)]"
    }

    var meaning: String {
        let text = json["abstract"].string ?? ""
        let fallback = json["defaultValue"].string.map { " Default: `\($0)`." } ?? ""
        return (text + fallback).replacing("|", with: "\\|").replacing("\n", with: " ").replacing("*", with: "\\*")
    }

    private var names: [String] {
        (json["names"].array ?? []).compactMap { name in
            name["name"].string.map { (name["kind"].string == "long" ? "--" : "-") + $0 }
        }
    }
}
