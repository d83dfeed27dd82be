// One source of the configuration as texts by key: flags, environment or file.

import Configuration
import FoundationEssentials

/// The values of one source, and its errors.
struct SettingLayer: Sendable {
    struct Entry: Sendable {
        var text: String
        /// The variable, flag or key as the user wrote it.
        var spelling: String
        /// The file that held it, if the value came from one.
        var file: String?
    }

    /// The source's kind: `flag`, `environment` or `file`.
    let kind: SettingOrigin.Kind
    private(set) var entries: [String: Entry] = [:]
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [String] = []

    private init(_ kind: SettingOrigin.Kind) { self.kind = kind }

    /// The source as a provider of texts; the next layer parses them.
    var provider: InMemoryProvider {
        let secrets = Set(Settings.all.filter(\.isSecret).map(\.name))
        let values = entries.map { name, entry in
            (AbsoluteConfigKey(ConfigKey(name)), ConfigValue(.string(entry.text), isSecret: secrets.contains(name)))
        }
        return InMemoryProvider(name: kind.rawValue, values: Dictionary(values, uniquingKeysWith: { $1 }))
    }

    /// Command line options by key name.
    static func flags(_ values: [String: String]) -> SettingLayer {
        var layer = SettingLayer(.flag)
        layer.take { name in
            values[name].map { Entry(text: $0, spelling: "--" + SettingKey.flagName(name)) }
        }
        return layer
    }

    /// Environment variables; of two names of one key, the first one counts.
    static func environment(_ variables: [String: String]) -> SettingLayer {
        var layer = SettingLayer(.environment)
        var names: [String: [String]] = [:]
        for key in Settings.all {
            names[key.name] = key.environment
            if let nameOfFile = key.nameOfFile { names[nameOfFile] = key.environmentOfFile }
        }
        layer.take { name in
            names[name]?.first { variables[$0] != nil }
                .flatMap { spelling in variables[spelling].map { Entry(text: $0, spelling: spelling) } }
        }
        let known = Set(names.values.flatMap(\.self))
        layer.warnings += UnknownVariables.warnings(variables, known: known)
        return layer
    }

    /// A file of JSON.
    static func file(_ path: String) -> SettingLayer {
        var layer = SettingLayer(.file)
        do {
            let values = try ConfigurationFile.values(at: path)
            let known = Set(Settings.all.flatMap { [$0.name, $0.nameOfFile].compactMap(\.self) })
            for unknown in values.keys.filter({ !known.contains($0) }).sorted() {
                layer.problems.append(
                    ConfigurationProblem(variable: "\(unknown) in \(path)", message: "is not a setting of Martlet"))
            }
            layer.take { name in values[name].map { Entry(text: $0, spelling: "\(name) in \(path)") } }
        } catch {
            layer.problems.append(ConfigurationProblem(variable: "--config", value: path, message: error.message))
        }
        return layer
    }

    /// Looks up every key, and for secrets its file.
    private mutating func take(_ find: (String) -> Entry?) {
        for key in Settings.all {
            let direct = find(key.name)
            guard let fileEntry = key.nameOfFile.flatMap(find) else {
                entries[key.name] = direct
                continue
            }
            if let direct {
                let message = "must not be set together with \(direct.spelling)"
                problems.append(ConfigurationProblem(variable: fileEntry.spelling, message: message))
                continue
            }
            do {
                let text = try ConfigurationFile.secret(
                    at: fileEntry.text, isURL: key.name == Settings.redisURL.key.name)
                entries[key.name] = Entry(text: text, spelling: fileEntry.spelling, file: fileEntry.text)
                if FileRights(of: fileEntry.text).everybodyReads {
                    warnings.append("everybody on this machine may read the file of \(fileEntry.spelling)")
                }
            } catch {
                problems.append(
                    ConfigurationProblem(
                        variable: fileEntry.spelling, value: fileEntry.text, message: error.message))
            }
        }
    }
}
