// The objects of the API, each with its members: their descriptions, and how bodies are read.

import MartletJSON

/// A member of an object, a parameter or a header.
struct Property: Sendable {
    let name: String
    /// The schema without `null`.
    var schema: Schema
    /// What it means, in a sentence or two.
    let about: String
    var isRequired = false
    /// Whether `null` stands for a value or counts as absent.
    var isNullable = false
    /// What its absence means.
    var standard: JSONValue?
    var example: JSONValue?

    /// A member that is always there.
    static func always(_ name: String, _ schema: Schema, _ about: String) -> Property {
        Property(name: name, schema: schema, about: about, isRequired: true)
    }

    /// A member that may be absent.
    static func maybe(_ name: String, _ schema: Schema, _ about: String) -> Property {
        Property(name: name, schema: schema, about: about)
    }
}

/// What has a description in the document.
protocol Described: Sendable {
    var property: Property { get }
}

extension Property: Described {
    var property: Property { self }
}

/// An object with its members.
///
/// A class, since every request refers to the same description.
final class ObjectShape: Sendable {
    /// The name in the document.
    let name: String
    let about: String
    let properties: [Property]
    /// Whether other members are refused.
    let isClosed: Bool
    /// Keywords that say how members depend on each other.
    let rules: JSONObject

    private init(_ name: String, _ about: String, _ members: [any Described], _ rules: JSONObject, isClosed: Bool) {
        self.name = name
        self.about = about
        self.properties = members.map(\.property)
        self.rules = rules
        self.isClosed = isClosed
    }

    /// An object in a response; later versions may add members.
    convenience init(_ name: String, _ about: String, _ properties: [Property]) {
        self.init(name, about, properties, [:], isClosed: false)
    }

    /// An object in a request, with the fields that it is read by.
    convenience init(body name: String, _ about: String, _ fields: [any Described], rules: JSONObject = [:]) {
        self.init(name, about, fields, rules, isClosed: true)
    }

    /// The body of a request that asks for nothing more than its path says.
    static let nothing = ObjectShape(body: "Nothing", "An empty object.", [])

    /// Whether it has a member of this name.
    func has(_ name: String) -> Bool { properties.contains { $0.name == name } }
}

/// How members of an object depend on each other, as keywords of JSON Schema.
enum ShapeRule {
    /// Two rules of different keywords.
    static func both(_ one: JSONObject, _ other: JSONObject) -> JSONObject {
        var rules = one
        for field in other.fields { rules[field.name] = field.value }
        return rules
    }

    /// At most one of the two has a value.
    static func notBoth(_ one: String, _ other: String) -> JSONObject { ["not": present([one, other])] }

    /// The first has a value only where the second has one.
    static func only(_ name: String, with other: String) -> JSONObject {
        ["if": present([name]), "then": present([other])]
    }

    /// One of the two has a value, and the other has none.
    static func exactlyOne(_ one: String, _ other: String) -> JSONObject {
        ["oneOf": .array([present([one]), present([other])])]
    }

    /// A member has a value where another has this one, and none elsewhere.
    static func only(_ name: String, where other: String, is value: String) -> JSONObject {
        [
            "if": .fields([
                "required": .array([.string(other)]),
                "properties": .fields([other: .fields(["const": .string(value)])]),
            ]),
            "then": present([name]),
            "else": .fields(["properties": .fields([name: .fields(["type": "null"])])]),
        ]
    }

    private static func present(_ names: [String]) -> JSONValue {
        var properties = JSONObject()
        for name in names { properties[name] = .fields(["not": .fields(["type": "null"])]) }
        return .fields(["required": .array(names.map { .string($0) }), "properties": .object(properties)])
    }
}
