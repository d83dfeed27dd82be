// JSON that preserves its spelling: the order of fields, every digit, every escape.

/// Any JSON value.
///
/// A received value is written as it was received. So unknown fields are still shown, and numbers that fit no integer
/// type lose no digits.
package enum JSONValue: Sendable {
    /// A value in its spelling: a number, a quoted string, `null`, `true` or `false`; or validated JSON that is not
    /// interpreted.
    case spelled(String)
    case array([JSONValue])
    case object(JSONObject)
}

// MARK: - Making

extension JSONValue {
    package static let null = JSONValue.spelled("null")

    package static func bool(_ value: Bool) -> JSONValue { .spelled(value ? "true" : "false") }

    package static func integer(_ number: Int) -> JSONValue { .spelled(String(number)) }

    /// A number; `null` for values that JSON cannot represent.
    package static func number(_ number: Double) -> JSONValue {
        guard number.isFinite else { return .null }
        return .spelled(Int(exactly: number).map { String($0) } ?? "\(number)")
    }

    package static func string(_ text: String) -> JSONValue { .spelled(JSONStringEscapes.quoted(text)) }

    /// An object of the fields that have a value.
    package static func fields(_ pairs: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        var object = JSONObject()
        for (name, value) in pairs {
            if let value { object[name] = value }
        }
        return .object(object)
    }

    /// The object with another field; unchanged without a value.
    package func adding(_ name: String, _ value: JSONValue?) -> JSONValue {
        guard let value, case .object(var object) = self else { return self }
        object[name] = value
        return .object(object)
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral text: String) { self = .string(text) }
    package init(integerLiteral number: Int) { self = .integer(number) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

// MARK: - Reading

extension JSONValue {
    /// A field of an object; `null` when missing.
    package subscript(name: String) -> JSONValue { object?[name] ?? .null }

    package var isNull: Bool { spelling == "null" }
    package var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    package var object: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// The decoded string; `nil` for other values.
    package var string: String? { spelling.flatMap(JSONStringEscapes.text) }

    package var bool: Bool? {
        switch spelling {
        case "true": true
        case "false": false
        default: nil
        }
    }

    /// An integer that fits; `nil` for other values.
    package var int: Int? {
        guard let spelling, Self.isNumber(spelling) else { return nil }
        return Int(spelling) ?? Double(spelling).flatMap { Int(exactly: $0) }
    }

    /// A number; `nil` for other values and for overflows.
    package var double: Double? {
        guard let spelling, Self.isNumber(spelling), let number = Double(spelling) else { return nil }
        return number.isFinite ? number : nil
    }

    private var spelling: String? { if case .spelled(let text) = self { text } else { nil } }

    private static func isNumber(_ spelling: String) -> Bool {
        spelling.utf8.first.map { $0 == UInt8(ascii: "-") || (0x30...0x39).contains($0) } ?? false
    }
}

/// Values are equal when their spellings are, regardless of field order.
extension JSONValue: Equatable {
    package static func == (one: JSONValue, other: JSONValue) -> Bool {
        switch (one, other) {
        case (.spelled(let one), .spelled(let other)): one.utf8.elementsEqual(other.utf8)
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        default: false
        }
    }
}

/// The fields of a JSON object in their original order.
///
/// Names are compared by bytes: Swift treats two encodings of `é` as equal, JSON does not.
package struct JSONObject: Sendable {
    /// A field with its name as spelled between the quotes.
    package struct Field: Sendable {
        package var spelledName: String
        package var value: JSONValue

        package var name: String { JSONStringEscapes.text("\"\(spelledName)\"") ?? spelledName }

        fileprivate func has(_ name: String) -> Bool {
            let isPlain = !spelledName.utf8.contains(UInt8(ascii: "\\"))
            return (isPlain ? spelledName : self.name).utf8.elementsEqual(name.utf8)
        }
    }

    package private(set) var fields: [Field] = []

    /// An object without fields.
    package init() {}

    /// The names in order.
    package var names: [String] { fields.map(\.name) }

    /// The value of a field; the last one of a repeated name.
    package subscript(name: String) -> JSONValue? {
        get { fields.last { $0.has(name) }?.value }
        set {
            let place = fields.lastIndex { $0.has(name) }
            switch (place, newValue) {
            case (let place?, let value?): fields[place].value = value
            case (let place?, nil): fields.remove(at: place)
            case (nil, let value?):
                append(spelled: String(JSONStringEscapes.quoted(name).dropFirst().dropLast()), value)
            case (nil, nil): break
            }
        }
    }

    /// Adds a field with an already spelled name.
    package mutating func append(spelled name: String, _ value: JSONValue) {
        fields.append(Field(spelledName: name, value: value))
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral fields: (String, JSONValue)...) {
        for (name, value) in fields { self[name] = value }
    }
}

extension JSONObject: Equatable {
    package static func == (one: JSONObject, other: JSONObject) -> Bool {
        one.fields.count == other.fields.count && one.names.allSatisfy { one[$0] == other[$0] }
    }
}
