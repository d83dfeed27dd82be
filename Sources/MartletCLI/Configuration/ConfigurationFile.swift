// Reads the configuration file and files that hold a secret.

import FoundationEssentials
import MartletRedis

/// Reading of files that belong to the configuration.
enum ConfigurationFile {
    /// A file that cannot be used.
    struct Unusable: Error {
        var message: String
    }

    /// The values of a JSON file as texts by the path of their key.
    static func values(at path: String) throws(Unusable) -> [String: String] {
        let data = try contents(of: path)
        let top: JSONValue
        do { top = try JSONDecoder().decode(JSONValue.self, from: data) } catch {
            throw Unusable(message: "must be a file of well-formed JSON")
        }
        guard case .object(let sections) = top else {
            throw Unusable(message: "must hold a JSON object with sections such as \"redis\" and \"download\"")
        }
        var values: [String: String] = [:]
        for (name, value) in sections { flatten(name, value, into: &values) }
        return values
    }

    /// The text of a file that holds one secret, without the line end behind it; of a URL the first line.
    static func secret(at path: String, isURL: Bool = false) throws(Unusable) -> String {
        do throws(SecretFile.Unusable) {
            return try isURL ? SecretFile.line(at: path) : SecretFile.text(at: path)
        } catch { throw Unusable(message: "\(error)") }
    }

    private static func contents(of path: String) throws(Unusable) -> Data {
        do { return try SecretFile.contents(of: path) } catch { throw Unusable(message: "\(error)") }
    }

    /// Null counts as not written; an object of numbers is the other spelling of `queue=slots` pairs.
    private static func flatten(_ name: String, _ value: JSONValue, into values: inout [String: String]) {
        switch value {
        case .null: return
        case .object(let members) where name == Settings.workerQueues.key.name:
            values[name] = members.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }
                .joined(separator: ",")
        case .object(let members):
            for (member, value) in members { flatten("\(name).\(member)", value, into: &values) }
        default: values[name] = value.text
        }
    }
}

/// A value of JSON that knows an integer from a fraction and from a boolean.
private enum JSONValue: Decodable {
    case null, flag(Bool), integer(Int), number(Double), text(String), array([JSONValue]), object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let box = try decoder.singleValueContainer()
        if box.decodeNil() {
            self = .null
        } else if let flag = try? box.decode(Bool.self) {
            self = .flag(flag)
        } else if let integer = try? box.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? box.decode(Double.self) {
            self = .number(number)
        } else if let text = try? box.decode(String.self) {
            self = .text(text)
        } else if let array = try? box.decode([JSONValue].self) {
            self = .array(array)
        } else {
            self = .object(try box.decode([String: JSONValue].self))
        }
    }

    /// The value as one would write it in the environment.
    var text: String {
        switch self {
        case .null: ""
        case .flag(let flag): String(flag)
        case .integer(let integer): String(integer)
        case .number(let number): "\(number)"
        case .text(let text): text
        case .array(let items): "[" + items.map(\.text).joined(separator: ",") + "]"
        case .object: "{…}"
        }
    }
}
