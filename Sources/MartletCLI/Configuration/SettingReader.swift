// Reads the configuration: finds the effective source of each setting, validates the value, and records both.

import Configuration
import Synchronization

/// The source of a value.
struct SettingOrigin: Sendable, Equatable {
    enum Kind: String, Sendable {
        case flag, environment, file, fallback = "default"
    }

    var key: SettingKey
    var kind: Kind
    /// The variable, flag or key as the user wrote it; `nil` for a default.
    var spelling: String?
    /// The value as written; `nil` for a secret or when absent.
    var value: String?
    /// The file of a secret, if it came from one.
    var file: String?
}

/// Reads settings and collects their errors.
///
/// The library's typed getters return the default for an invalid value, which would hide the mistake. So values are
/// read as text and parsed by their setting.
struct SettingReader {
    private(set) var problems: [ConfigurationProblem]
    private(set) var origins: [SettingOrigin] = []
    let warnings: [String]
    private let layers: [SettingLayer]
    private let reader: ConfigReader
    private let recorder = SourceRecorder()

    /// Creates a reader over sources, highest precedence first.
    init(_ layers: [SettingLayer]) {
        self.layers = layers
        problems = layers.flatMap(\.problems)
        warnings = layers.flatMap(\.warnings)
        reader = ConfigReader(providers: layers.map(\.provider), accessReporter: recorder)
    }

    /// The file of a secret that was read, if it came from one.
    func file(of key: SettingKey) -> String? { origins.last { $0.key == key }?.file }

    /// The value of a setting; its default when absent or invalid.
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
                ConfigurationProblem(
                    variable: entry.spelling, value: key.mayHoldSecret ? nil : shown,
                    message: "must be \(key.expectation)"))
            return setting.fallback
        }
    }
}

/// Records which provider supplied a key.
private final class SourceRecorder: AccessReporter {
    private let sources = Mutex<[String: Int]>([:])

    func report(_ event: AccessEvent) {
        // Providers are queried in order up to the first with a value.
        let index = event.providerResults.lastIndex { (try? $0.result.get())?.value != nil }
        sources.withLock { $0[event.metadata.key.components.joined(separator: ".")] = index }
    }

    func source(of name: String) -> Int? { sources.withLock { $0[name] } }
}
