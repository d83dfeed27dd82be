// JSON output, written directly in display order.

import MartletJobs

/// A JSON value to write.
package enum JSONOutput: Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([JSONOutput])
    /// An object with encoded members.
    case written(JSONObjectOutput)
    /// Validated JSON text, written unchanged.
    case raw([UInt8])

    /// An object; `nil` members are omitted.
    package static func object(_ members: KeyValuePairs<String, JSONOutput?>) -> JSONOutput {
        var object = JSONObjectOutput()
        for (key, value) in members { object.add(key, value) }
        return .written(object)
    }

    /// An object of collected members.
    package static func members(_ members: [(key: String, value: JSONOutput)]) -> JSONOutput {
        .written(JSONObjectOutput()).adding(members)
    }

    /// Bytes that should be JSON: unchanged if valid, otherwise as a string.
    package static func opaque(_ bytes: [UInt8]) -> JSONOutput {
        if (try? JSONText(bytes)) != nil { return .raw(bytes) }
        return .string(String(decoding: bytes, as: UTF8.self))
    }

    /// A duration in seconds.
    package static func seconds(_ duration: Duration) -> JSONOutput {
        let milliseconds = duration.inMilliseconds
        return milliseconds % 1000 == 0 ? .int(milliseconds / 1000) : .double(Double(milliseconds) / 1000)
    }

    /// The encoded text.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// The object with more members at its end.
    package func adding(_ more: [(key: String, value: JSONOutput)]) -> JSONOutput {
        guard case .written(var object) = self else { return self }
        for (key, value) in more { object.add(key, value) }
        return .written(object)
    }

    fileprivate func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .int(let value): Self.append(value, to: &bytes)
        case .double(let value): bytes += (value.isFinite ? "\(value)" : "null").utf8
        case .string(let text): Self.append(text, to: &bytes)
        case .raw(let text): bytes += text
        case .array(let items):
            bytes.append(UInt8(ascii: "["))
            for (index, item) in items.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                item.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .written(let object):
            bytes += object.bytes
            bytes.append(UInt8(ascii: "}"))
        }
    }

    fileprivate static func append(_ number: Int, to bytes: inout [UInt8]) {
        var digits = String(number)
        digits.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Appends a quoted string; also escapes `<`, `>` and `&`, so that HTML cannot interpret it.
    package static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        bytes.append(UInt8(ascii: "\""))
        text.withUTF8 { utf8 in
            var start = 0
            // Most texts need no escaping and are copied at once.
            for index in 0..<utf8.count where mustEscape(utf8[index]) {
                bytes.append(contentsOf: utf8[start..<index])
                appendEscape(of: utf8[index], to: &bytes)
                start = index + 1
            }
            if start == 0 { bytes.append(contentsOf: utf8) } else { bytes.append(contentsOf: utf8[start...]) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func mustEscape(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "&"):
            true
        default: false
        }
    }

    private static func appendEscape(of byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
            bytes.append(UInt8(ascii: "\\"))
            bytes.append(byte)
        case 0x0A: bytes += "\\n".utf8
        default:
            bytes += "\\u00".utf8
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)
}

/// An object that is written member by member; the reader closes it.
package struct JSONObjectOutput: Sendable {
    /// The output so far, without the closing brace.
    private(set) var bytes: [UInt8]

    /// Creates an object without members, with reserved capacity.
    package init(capacity: Int = 128) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    /// Adds a member; omits `nil`.
    package mutating func add(_ key: String, _ value: JSONOutput?) {
        guard let value else { return }
        begin(key)
        value.append(to: &bytes)
    }

    /// Adds a string; omits `nil`.
    package mutating func add(_ key: String, text: String?) {
        guard let text else { return }
        begin(key)
        JSONOutput.append(text, to: &bytes)
    }

    /// Adds an integer.
    package mutating func add(_ key: String, number: Int) {
        begin(key)
        JSONOutput.append(number, to: &bytes)
    }

    private mutating func begin(_ key: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        JSONOutput.append(key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }
}

extension JSONOutput: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByStringInterpolation
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONOutput...) { self = .array(elements) }
}
