// An argument, option or flag of a command, from the parser's description.

import MartletJSON

/// An argument, option or flag of a command.
struct ReferenceArgument {
    private let json: JSONValue

    /// The visible ones of a command, without help and version.
    static func all(of command: JSONValue) -> [ReferenceArgument] {
        (command["arguments"].array ?? []).map(ReferenceArgument.init).filter { argument in
            argument.json["shouldDisplay"].bool != false && !["--help", "--version"].contains(argument.name)
        }
    }

    private init(_ json: JSONValue) { self.json = json }

    /// The usage of a command, such as `martlet job show ID [options]`.
    static func usage(of path: [String], _ arguments: [ReferenceArgument]) -> String {
        let operands = arguments.filter { $0.isOperand || ($0.isNeeded && !$0.isShared) }.map(\.usage)
        let hasOptions = arguments.contains { !$0.isOperand && !$0.isNeeded }
        return (path + operands + (hasOptions ? ["[options]"] : [])).joined(separator: " ")
    }

    /// The names with the same meaning in every command.
    private static let sharedNames: Set<String> = [
        "--server", "--token", "--token-file", "--output", "--config", "--limit", "--all", "--cursor", "--yes",
        "--wait-seconds",
    ]

    var isOperand: Bool { json["kind"].string == "positional" }
    var isNeeded: Bool { json["isOptional"].bool != true }
    /// `--all` of `download pause` differs from that of lists, and so does `--limit` of pushes.
    var isShared: Bool {
        guard Self.sharedNames.contains(name) else { return false }
        if name == "--limit" { return json["isRepeating"].bool != true }
        if name == "--all" { return json["abstract"].string == PageOptions.allMeaning }
        return name != "--yes" || json["abstract"].string == ConsentOptions.yesMeaning
    }
    var isSetting: Bool {
        Settings.all.contains { key in
            [key.name, key.nameOfFile].compactMap(\.self).contains { "--" + SettingKey.flagName($0) == name }
        }
    }

    /// The longest name with its dashes; an operand's name in capitals.
    var name: String {
        guard !isOperand else { return (json["valueName"].string ?? "").uppercased() }
        return names.last { $0.hasPrefix("--") } ?? names.last ?? ""
    }

    /// All names, followed by the value.
    var spellings: [String] {
        let value = json["kind"].string == "option" ? " " + (json["valueName"].string ?? "").uppercased() : ""
        let all = isOperand ? [name] : names.sorted { $0.count < $1.count }
        return all.dropLast() + all.suffix(1).map { $0 + value }
    }

    var usage: String {
        if !isOperand { return name + " " + (json["valueName"].string ?? "").uppercased() }
        let many = json["isRepeating"].bool == true ? "\(name) …" : name
        return isNeeded ? many : "[\(many)]"
    }

    /// Its description, on one line.
    var meaning: String { (json["abstract"].string ?? "").replacing("\n", with: " ") }
    /// Its default, as a user would type it.
    var fallback: String? { json["defaultValue"].string }

    private var names: [String] {
        (json["names"].array ?? []).compactMap { name in
            name["name"].string.map { (name["kind"].string == "long" ? "--" : "-") + $0 }
        }
    }
}
