// A condition on one value in a payload.

import MartletJSON

/// A value that a payload must have at a path.
///
/// ```swift
/// let condition = PayloadCondition("customer.addresses.0.city", equals: "Paris")
/// ```
public struct PayloadCondition: Sendable, Hashable {
    /// The most names of a path.
    public static let mostNames = 16
    /// The longest path and the longest value in bytes.
    public static let longest = 256
    /// The most conditions of a filter in the HTTP API and the command.
    package static let most = 8

    /// The names of members from the outermost one, and the positions of elements from 0.
    public let path: [String]
    /// The value: the text of a string, or the spelling of a number, `true`, `false` or `null`.
    public let value: String

    /// A condition; `nil` for an invalid path or value.
    ///
    /// - Parameters:
    ///   - path: names of members and positions of elements with dots between them, 1 to 16 of them and at most 256 bytes. A
    ///     member whose name has a dot cannot be named.
    ///   - value: the text of a string, or the spelling of a number, `true`, `false` or `null`; at most 256 bytes. Numbers
    ///     are equal when their values are. A list has the value when one of its elements has it.
    public init?(_ path: String, equals value: String) {
        let names = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard path.utf8.count <= Self.longest, value.utf8.count <= Self.longest, names.count <= Self.mostNames,
            names.allSatisfy({ !$0.isEmpty })
        else { return nil }
        self.path = names
        self.value = value
    }

    /// Whether a payload fulfils all of these conditions; one that is no JSON fulfils none.
    static func allHold(_ conditions: [PayloadCondition], in payload: [UInt8]) -> Bool {
        guard !conditions.isEmpty else { return true }
        guard let json = try? JSONText(payload) else { return false }
        return conditions.allSatisfy { $0.holds(in: json) }
    }

    private func holds(in json: JSONText) -> Bool {
        var place = json
        for name in path {
            guard let next = place.child(name) else { return false }
            place = next
        }
        return equals(place) || place.elements?.contains(where: equals) ?? false
    }

    private func equals(_ json: JSONText) -> Bool {
        switch json.kind {
        case .string: json.string == value
        case .number: json.number == value || Self.isSame(json.number, value)
        case .bool, .null: String(decoding: json.bytes, as: UTF8.self) == value
        case .object, .array: false
        }
    }

    /// Whether two spellings are of one number; whole numbers are compared exactly.
    private static func isSame(_ number: String?, _ text: String) -> Bool {
        guard let number, let json = try? JSONText(Array(text.utf8)), let other = json.number else { return false }
        if let left = Int(number), let right = Int(other) { return left == right }
        return Double(number) == Double(other)
    }
}

extension JSONText {
    /// The last member of this name, or the element at this position; `nil` where there is none.
    fileprivate func child(_ name: String) -> JSONText? {
        if let members { return members.last { $0.key.utf8.elementsEqual(name.utf8) }?.value }
        guard let position = Int(name), position >= 0, let elements = elements(atMost: position + 1),
            position < elements.count
        else { return nil }
        return elements[position]
    }
}
