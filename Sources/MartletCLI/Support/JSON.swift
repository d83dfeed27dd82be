// JSON as it comes from the server, so that a field that this version doesn't know is still shown.

import FoundationEssentials

/// Any JSON value.
enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// The field of an object; `null` for what isn't there.
    subscript(name: String) -> JSON {
        guard case .object(let fields) = self else { return .null }
        return fields[name] ?? .null
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var array: [JSON]? { if case .array(let items) = self { items } else { nil } }
    var object: [String: JSON]? { if case .object(let fields) = self { fields } else { nil } }

    var int: Int? {
        switch self {
        case .integer(let number): number
        case .number(let number): Int(exactly: number)
        default: nil
        }
    }

    var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// Reads a text; throws a failure that names `source` when it isn't JSON.
    static func parse(_ bytes: some Sequence<UInt8>, source: String) throws -> JSON {
        do { return try JSONDecoder().decode(JSON.self, from: Data(bytes)) } catch {
            throw CommandFailure(.usage, "\(source) is not JSON")
        }
    }

    /// One line of JSON with sorted keys.
    var line: String { text([.sortedKeys, .withoutEscapingSlashes]) }

    /// JSON for people, with sorted keys.
    var pretty: String { text([.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]) }

    private func text(_ format: JSONEncoder.OutputFormatting) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = format
        guard let data = try? encoder.encode(self) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension JSON: Codable {
    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Int.self) {
            self = .integer(number)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .string(text)
        } else if let items = try? value.decode([JSON].self) {
            self = .array(items)
        } else {
            self = .object(try value.decode([String: JSON].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let number): try container.encode(number)
        case .number(let number): try container.encode(number)
        case .string(let text): try container.encode(text)
        case .array(let items): try container.encode(items)
        case .object(let fields): try container.encode(fields)
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    init(stringLiteral text: String) { self = .string(text) }
    init(integerLiteral number: Int) { self = .integer(number) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSON {
    /// An object of the fields that have a value.
    static func fields(_ pairs: [String: JSON?]) -> JSON { .object(pairs.compactMapValues(\.self)) }
}
