// Fuzzes the filters of jobs: fingerprints, texts, values in payloads, queries and cursors.

import MartletJSON

@testable import MartletHTTP
@testable import MartletQueue

/// A line each for an error, a text, a condition, a query and a cursor; then a payload.
func fuzzFilters(_ input: Input) {
    var input = input
    let error = input.words()
    let text = input.words()
    checkFingerprint(error)
    checkText(text, error)
    let condition = input.words()
    checkQuery(input.words())
    checkCursor(input.words())
    checkCondition(condition, Array(input.rest))
}

/// Digits do not count, and none is left.
private func checkFingerprint(_ error: String) {
    let line = ErrorFingerprint.normalised(error)
    check(!line.contains { (0x30...0x39).contains($0) }, "a digit is left of \(error)")
    let others = error.utf8.map { (0x30...0x39).contains($0) ? UInt8(ascii: "7") : $0 }
    let same = ErrorFingerprint.of(String(decoding: others, as: UTF8.self))
    check(ErrorFingerprint.of(error) == same && ErrorFingerprint.isValid(same), "digits count in \(error)")
}

/// A text is in itself and in what has it, in capital letters too where they are ASCII.
private func checkText(_ text: String, _ other: String) {
    let pattern = TextPattern(text)
    check(pattern.isIn(text), "\(text) is not in itself")
    guard text.utf8.allSatisfy({ $0 < 0x80 }) else { return }
    check(pattern.isIn(other + text.uppercased() + other), "\(text) is not between \(other)")
}

/// What a filter takes is what a condition can be made of, and a value that is there is found.
private func checkCondition(_ text: String, _ payload: [UInt8]) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, let condition = PayloadCondition(parts[0], equals: parts[1]) else { return }
    _ = PayloadCondition.allHold([condition], in: payload)
    var json = JSONValue.string(parts[1])
    for name in condition.path.reversed() { json = .object([name: json]) }
    check(PayloadCondition.allHold([condition], in: json.bytes), "\(text) is not found in \(json.line)")
}

/// A query is a filter or a problem, and its faults have places.
private func checkQuery(_ text: String) {
    let pairs = text.split(separator: "&").map { pair in
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        return (key: parts[0], value: parts.count > 1 ? parts[1] : "")
    }
    let known = Set(FilterCondition.parameters.map(\.property.name))
    do throws(HTTPProblem) {
        let filter = try Query(pairs, known: known).filter()
        check(filter.payload.count <= PayloadCondition.most, "too many conditions")
    } catch { check(!error.errors.isEmpty, "a fault without a place") }
}

/// A cursor is what it says.
private func checkCursor(_ text: String) {
    if let cursor = ListCursor(text) { check(ListCursor(cursor.description) != nil, "\(text) is no cursor any more") }
    if let cursor = ActionCursor(text) { check(ActionCursor(cursor.description)?.matched == cursor.matched, text) }
}
