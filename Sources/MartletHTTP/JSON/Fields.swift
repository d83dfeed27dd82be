// Reads a request model from a JSON object: checks every field, collects all errors, refuses unknown members.

import FoundationEssentials
import MartletJSON
import MartletJobs

/// The members of a JSON object, each read once by name.
///
/// An absent or `null` field reads as `nil`. After reading all fields, call ``done()``, which throws the collected
/// errors, including one for each unknown member. The shape is the description of the object in the API's document; only
/// its fields can be read.
struct Fields {
    private struct Member {
        let key: String
        var value: JSONText
        var wasAsked = false
    }

    /// The most members that are read, and the most errors that are recorded.
    static let limit = 100
    private var members: [Member] = []
    private let pointer: String
    private let shape: ObjectShape
    /// Whether the value is an object; other values have no missing fields.
    private var isObject = true
    /// The requested names that are missing: candidates for misspelt ones.
    private var missing: [String] = []
    private(set) var errors: [FieldError] = []

    /// Opens an object; another type of value, or too many members, is an error.
    init(_ text: JSONText, _ shape: ObjectShape, at pointer: String = "") {
        self.pointer = pointer
        self.shape = shape
        guard let members = text.members(atMost: Self.limit + 1) else {
            isObject = false
            errors.append(FieldError(pointer: pointer, detail: "must be an object, not \(text.kind.spoken)"))
            return
        }
        self.members.reserveCapacity(min(members.count, Self.limit))
        for (key, value) in members.prefix(Self.limit) {
            guard let twin = index(of: key) else {
                self.members.append(Member(key: key, value: value))
                continue
            }
            self.members[twin].value = value
            self.members[twin].wasAsked = true
            note(FieldError(pointer: path(key), detail: "appears twice"))
        }
        if members.count > Self.limit {
            note(FieldError(pointer: pointer, detail: "has more than \(Self.limit) members"))
        }
    }

    /// Records an error, up to a limit.
    private mutating func note(_ error: FieldError) {
        if errors.count < Self.limit { errors.append(error) }
    }

    // Most names differ in length, which is cheaper to compare.
    private func index(of name: String) -> Int? {
        let length = name.utf8.count
        return members.firstIndex { $0.key.utf8.count == length && $0.key == name }
    }

    /// Whether a member exists and is not `null`.
    func has(_ name: String) -> Bool { index(of: name).map { members[$0].value.kind != .null } ?? false }

    /// Records an error of a member.
    mutating func refuse(_ name: String, _ detail: String) {
        guard isObject else { return }
        if let index = index(of: name) { members[index].wasAsked = true }
        note(FieldError(pointer: path(name), detail: detail))
    }

    /// Records errors of nested objects.
    mutating func refuse(_ more: [FieldError]) { for error in more { note(error) } }

    /// The JSON pointer of a member.
    func path(_ name: String) -> String {
        pointer + "/" + String(name.prefix(64)).replacing("~", with: "~0").replacing("/", with: "~1")
    }

    /// A value of any type except `null`.
    mutating func value(_ name: String) -> JSONText? {
        guard let value = anyValue(name), value.kind != .null else { return nil }
        return value
    }

    /// A value of any type, including `null`.
    mutating func anyValue(_ name: String) -> JSONText? {
        assert(shape.has(name), "\(shape.name) does not declare the field \(name)")
        guard let index = index(of: name) else {
            note(missing: name)
            return nil
        }
        members[index].wasAsked = true
        return members[index].value
    }

    /// Records a missing name, if an unread member could be its misspelling.
    private mutating func note(missing name: String) {
        let length = name.utf8.count
        let isWanted = members.contains { member in
            !member.wasAsked && abs(member.key.utf8.count - length) <= FieldNames.mostDifferent
        }
        if isWanted { missing.append(name) }
    }

    /// Whether a member is `null`, which resets a setting to its default.
    mutating func isNull(_ name: String) -> Bool { anyValue(name)?.kind == .null }

    /// A string of the allowed length in bytes, without control characters.
    mutating func text(_ name: String, length: ClosedRange<Int> = 1...128, required: Bool = false) -> String? {
        guard let value = value(name) else {
            if required { refuse(name, "is required") }
            return nil
        }
        guard let text = value.string else {
            refuse(name, "must be a string, not \(value.kind.spoken)")
            return nil
        }
        guard length.contains(text.utf8.count) else {
            refuse(name, "must have \(length.lowerBound) to \(length.upperBound) bytes, not \(text.utf8.count)")
            return nil
        }
        guard !text.hasControlCharacters else {
            refuse(name, "must not contain control characters")
            return nil
        }
        return text
    }

    /// An integer within a range; `1.0` and `1e3` are integers, `"1"` is none.
    mutating func integer(_ name: String, in range: ClosedRange<Int>, required: Bool = false) -> Int? {
        var rule: String { "must be a whole number from \(range.lowerBound) to \(range.upperBound)" }
        guard let value = value(name) else {
            if required { refuse(name, "is required: it \(rule)") }
            return nil
        }
        guard let text = value.number else {
            refuse(name, "\(rule), not \(value.kind.spoken)")
            return nil
        }
        guard let number = Int(json: text), range.contains(number) else {
            refuse(name, "\(rule), not \(text.prefix(32))")
            return nil
        }
        return number
    }

    /// A number within a range, fractions allowed.
    mutating func number(_ name: String, in range: ClosedRange<Double>) -> Double? {
        guard let value = value(name) else { return nil }
        guard let text = value.number, let number = Double(text), number.isFinite, range.contains(number) else {
            refuse(name, range.rule)
            return nil
        }
        return number
    }

    /// A duration in seconds, fractions allowed, rounded to milliseconds.
    mutating func seconds(_ name: String, in range: ClosedRange<Double>) -> Duration? {
        number(name, in: range).map { .milliseconds(Int64(($0 * 1000).rounded())) }
    }

    /// A time in RFC 3339.
    mutating func time(_ name: String) -> Date? {
        guard let text = text(name) else { return nil }
        let time = Date(rfc3339: text)
        if time == nil { refuse(name, timeRule) }
        return time
    }

    /// A Boolean.
    mutating func flag(_ name: String) -> Bool? {
        guard let value = value(name) else { return nil }
        if value.bool == nil { refuse(name, "must be true or false, not \(value.kind.spoken)") }
        return value.bool
    }

    /// The elements of an array; elements beyond the limit are not read.
    mutating func list(_ name: String, limit: Int) -> [JSONText]? {
        guard let value = value(name) else { return nil }
        guard let elements = value.elements(atMost: limit + 1) else {
            refuse(name, "must be an array, not \(value.kind.spoken)")
            return nil
        }
        return elements
    }

    /// A nested object; the caller reads and closes it.
    mutating func object(_ name: String, _ shape: ObjectShape) -> Fields? {
        value(name).map { Fields($0, shape, at: path(name)) }
    }

    /// All errors so far, including one per unknown member.
    mutating func close() -> [FieldError] {
        for index in members.indices where !members[index].wasAsked {
            members[index].wasAsked = true
            note(unknown(members[index].key))
        }
        return errors
    }

    private func unknown(_ name: String) -> FieldError {
        // At most a hundred errors are reported, so no more names are compared.
        guard errors.count < 100, let meant = FieldNames.meant(by: name, among: missing) else {
            return FieldError(pointer: path(name), detail: "is not known here")
        }
        return FieldError(
            pointer: path(name), detail: "is not known here; did you mean \"\(meant)\"?", isMisspelt: true)
    }

    /// Throws when there were errors.
    mutating func done() throws(HTTPProblem) {
        let errors = close()
        if !errors.isEmpty { throw .invalid(errors) }
    }
}

extension ClosedRange<Double> {
    /// The rule for a number within this range, phrased to follow a field's name: whole bounds without a fraction.
    var rule: String {
        "must be a number from \(JSONValue.number(lowerBound).line) to \(JSONValue.number(upperBound).line)"
    }
}

extension String {
    /// Whether it has control characters of ASCII.
    var hasControlCharacters: Bool { utf8.contains { $0 < 0x20 || $0 == 0x7F } }
}
