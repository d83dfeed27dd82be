// The limit keys of a job in JSON: a text, or an object where a key has a weight.

import MartletJSON
import MartletJobs
import MartletQueue

/// How the keys of a job are described, read and compared.
enum LimitKeyField {
    /// The classes `type`, `tag` and `group` are the queue's, `*` stands for all values, and a value has no blanks at its ends.
    private static let pattern: String = {
        let (any, end) = ("[^\\x00-\\x1F\\x7F]", "[^ \\x00-\\x1F\\x7F]")
        let value = "(?![*]$)\(end)(\(any){0,\(LimitKey.longestValue - 2)}\(end))?"
        let foreign = LimitKey.implicitClasses.sorted().joined(separator: "|")
        return "^(?!(\(foreign)):)[a-z][a-z0-9_-]{0,\(LimitKey.longestClass - 1)}:\(value)$"
    }()
    private static let name = Schema.keywords(["type": "string", "pattern": .string(pattern)])
    private static let key = Field.text(
        "key", length: 1...(LimitKey.longestClass + 1 + LimitKey.longestValue), "Class and value, such as `tenant:7`.",
        required: true, schema: name)
    private static let weight = Field.integer(
        "weight", in: LimitKey.weights, "How much of the limit the job takes.", default: 1)
    private static let shape = ObjectShape(body: "LimitKey", "A limit key with a weight.", [key, weight])
    private static let shownShape = ObjectShape(
        "WeightedLimitKey", "A limit key of a weight above 1.",
        [
            .always("key", .text, "Class and value, such as `tenant:7`."),
            .always("weight", .integer(LimitKey.weights), "How much of the limit the job takes."),
        ])

    /// Keys in requests.
    static let schema = Schema.list(.anyOf([name, .object(shape)]), ["maxItems": .integer(LimitKey.most)])
    /// Keys in responses.
    static let shown = Schema.list(.anyOf([.text, .object(shownShape)]))

    /// Reads the keys; refuses the first that is none, or all of them.
    static func read(_ fields: inout Fields, _ member: String) -> [LimitKey]? {
        guard let list = fields.list(member, limit: LimitKey.most) else { return nil }
        var keys: [LimitKey] = []
        for element in list {
            guard let key = read(element, &fields, "\(fields.path(member))/\(keys.count)") else { return nil }
            keys.append(key)
        }
        if !LimitKey.areValid(keys) { fields.refuse(member, NewJob.rule(for: "limits")) }
        return keys
    }

    private static func read(_ element: JSONText, _ fields: inout Fields, _ pointer: String) -> LimitKey? {
        if let name = element.string { return LimitKey(name) }
        var object = Fields(element, shape, at: pointer)
        let (name, weight) = (object.read(key), object.read(weight))
        let errors = object.close()
        fields.refuse(errors)
        guard errors.isEmpty, let name else { return nil }
        return LimitKey(name, weight: weight ?? 1)
    }

    /// The one text for equal keys, however they are spelled; `nil` for what is refused elsewhere.
    static func canonical(_ value: ArraySlice<UInt8>) -> String? {
        guard let elements = (try? JSONText(Array(value)))?.elements(atMost: LimitKey.most) else { return nil }
        var keys: [LimitKey] = []
        for element in elements {
            var unused = Fields(element, shape)
            guard let key = read(element, &unused, "") else { return nil }
            keys.append(key)
        }
        // With their lengths, so that no two lists have the same text.
        return "[\(keys.map { "\($0.weight) \($0.name.utf8.count) \($0.name)" }.joined(separator: ","))]"
    }
}

extension JSONOutput {
    /// Keys as a request may have them.
    static func limitKeys(_ keys: [LimitKey]) -> JSONOutput {
        .array(
            keys.map { key in
                key.weight == 1 ? .string(key.name) : .object(["key": .string(key.name), "weight": .int(key.weight)])
            })
    }
}
