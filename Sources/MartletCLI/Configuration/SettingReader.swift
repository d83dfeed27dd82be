// The one place where the configuration is read: finds the winning source, checks the value, remembers both.

import Configuration
import Synchronization

/// Where the value of a key came from.
struct SettingOrigin: Sendable, Equatable {
    enum Kind: String, Sendable {
        case flag, environment, file, fallback = "default"
    }

    var key: SettingKey
    var kind: Kind
    /// The variable, flag or key as the user wrote it; `nil` for a default.
    var spelling: String?
    /// The value as written; `nil` for a secret and for nothing.
    var value: String?
    /// The file that held a secret, if the user named one.
    var file: String?
}

/// Reads keys and gathers what is wrong with them.
///
/// The library's own typed getters return the default for a value that doesn't parse, which would hide a mistake: here
/// every value is asked for as text and parsed by its key.
struct SettingReader {
    private(set) var problems: [ConfigurationProblem]
    private(set) var origins: [SettingOrigin] = []
    let warnings: [String]
    private let layers: [SettingLayer]
    private let reader: ConfigReader
    private let recorder = SourceRecorder()

    /// A reader over sources, the one that wins first.
    init(_ layers: [SettingLayer]) {
        self.layers = layers
        problems = layers.flatMap(\.problems)
        warnings = layers.flatMap(\.warnings)
        reader = ConfigReader(providers: layers.map(\.provider), accessReporter: recorder)
    }

    /// The file that held the value of a secret that was read, if the user named one.
    func file(of key: SettingKey) -> String? { origins.last { $0.key == key }?.file }

    /// The value of a key, or its default when no source has it or the value does not fit.
    mutating func read<Value>(_ setting: Setting<Value>) -> Value {
        let key = setting.key
        let text = reader.string(forKey: ConfigKey(key.name), isSecret: key.isSecret)
        guard let text, let index = recorder.source(of: key.name), let entry = layers[index].entries[key.name] else {
            let shown = key.isSecret ? nil : key.fallback
            origins.append(SettingOrigin(key: key, kind: .fallback, spelling: nil, value: shown))
            return setting.fallback
        }
        let shown = key.isSecret ? nil : key.shown(text)
        origins.append(
            SettingOrigin(
                key: key, kind: layers[index].kind, spelling: entry.spelling, value: shown, file: entry.file))
        do { return try setting.parse(text) } catch {
            problems.append(
                ConfigurationProblem(variable: entry.spelling, value: shown, message: "must be \(key.expectation)"))
            return setting.fallback
        }
    }
}

/// Remembers which provider answered for a key.
private final class SourceRecorder: AccessReporter {
    private let sources = Mutex<[String: Int]>([:])

    func report(_ event: AccessEvent) {
        // Providers are asked in order and no further than the first that has a value.
        let index = event.providerResults.lastIndex { (try? $0.result.get())?.value != nil }
        sources.withLock { $0[event.metadata.key.components.joined(separator: ".")] = index }
    }

    func source(of name: String) -> Int? { sources.withLock { $0[name] } }
}
