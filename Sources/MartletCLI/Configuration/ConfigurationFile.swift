// Reads the configuration file and secret files.

import FoundationEssentials
import MartletCommandSupport
import MartletJSON
import MartletRedis

/// Reads files of the configuration.
enum ConfigurationFile {
    /// An unusable file.
    struct Unusable: Error {
        var message: String
    }

    /// The values of a JSON file as texts by key path.
    static func values(at path: String) throws(Unusable) -> [String: String] {
        let data = try contents(of: path)
        let top: JSONValue
        do throws(JSONSyntaxError) { top = try JSONValue(data) } catch {
            let place = error.offset + 1
            throw Unusable(message: "must be a file of well-formed JSON; at byte \(place) it \(error.reason)")
        }
        guard let sections = top.object else {
            throw Unusable(message: "must hold a JSON object with sections such as \"redis\" and \"download\"")
        }
        var values: [String: String] = [:]
        for (name, value) in try unique(sections, in: "") { try flatten(name, value, into: &values) }
        return values
    }

    /// The text of a secret file without the trailing line end; the first line for a URL.
    static func secret(at path: String, isURL: Bool = false) throws(Unusable) -> String {
        do throws(SecretFile.Unusable) {
            return try isURL ? SecretFile.line(at: path) : SecretFile.text(at: path)
        } catch { throw Unusable(message: "\(error)") }
    }

    private static func contents(of path: String) throws(Unusable) -> Data {
        do { return try SecretFile.contents(of: path) } catch { throw Unusable(message: "\(error)") }
    }

    /// Null means absent; an object of numbers is another form of `queue=slots` pairs.
    private static func flatten(
        _ name: String, _ value: JSONValue, into values: inout [String: String]
    ) throws(Unusable) {
        guard !value.isNull else { return }
        guard let object = value.object else {
            values[name] = text(value)
            return
        }
        let fields = try unique(object, in: name + ".")
        // An empty section says nothing, but its name may be a mistake.
        if fields.isEmpty, !Settings.all.contains(where: { "\($0.name).".hasPrefix(name + ".") }) {
            values[name] = "{}"
        }
        if name == Settings.workerQueues.key.name {
            values[name] = fields.map { "\($0.name)=\(text($0.value))" }.joined(separator: ",")
        } else {
            for field in fields { try flatten("\(name).\(field.name)", field.value, into: &values) }
        }
    }

    /// The fields of an object; throws when one stands there twice, since one of the two values would not count.
    private static func unique(
        _ object: JSONObject, in section: String
    ) throws(Unusable) -> [(name: String, value: JSONValue)] {
        var names: Set<String> = []
        for name in object.names where !names.insert(name).inserted {
            throw Unusable(message: "has \(section)\(TerminalText.oneLine(name)) twice")
        }
        return object.fields.map { ($0.name, $0.value) }
    }

    /// The value as in an environment variable.
    private static func text(_ value: JSONValue) -> String { value.string ?? value.line }
}
