// Reads the configuration file and secret files.

import FoundationEssentials
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
        for field in sections.fields { flatten(field.name, field.value, into: &values) }
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
    private static func flatten(_ name: String, _ value: JSONValue, into values: inout [String: String]) {
        guard !value.isNull else { return }
        guard let object = value.object else { return values[name] = text(value) }
        if name == Settings.workerQueues.key.name {
            values[name] = object.fields.map { "\($0.name)=\(text($0.value))" }.joined(separator: ",")
        } else {
            for field in object.fields { flatten("\(name).\(field.name)", field.value, into: &values) }
        }
    }

    /// The value as in an environment variable.
    private static func text(_ value: JSONValue) -> String { value.string ?? value.line }
}
