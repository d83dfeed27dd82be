// Fuzzes the JSON reader: what it takes has one canonical form, and a job read from it is one that the store takes.

import FoundationEssentials
import MartletJobs
import MartletQueue

@testable import MartletHTTP
@testable import MartletJSON

func fuzzJSON(_ input: Input) {
    let bytes = Array(input.rest)
    guard let text = try? JSONText(bytes) else { return }
    let canonical = text.canonical
    let again = wanted(try? JSONText(canonical), "the canonical form is no JSON")
    check(again.canonical == canonical, "the canonical form has another")
    checkValue(text, depth: 0)
    readJob(text)
}

/// What goes out is one JSON value.
func checkJSON(_ json: JSONOutput) {
    let bytes = json.bytes
    check((try? JSONText(bytes)) != nil, "no JSON: \(String(decoding: bytes, as: UTF8.self))")
}

private func checkValue(_ text: JSONText, depth: Int) {
    check(depth <= 128, "deeper than the limit")
    switch text.kind {
    case .object:
        for (key, value) in wanted(text.members, "an object without members") {
            checkString(key)
            checkValue(value, depth: depth + 1)
        }
    case .array:
        for element in wanted(text.elements, "an array without elements") { checkValue(element, depth: depth + 1) }
    case .string:
        let string = wanted(text.string, "a string without text")
        checkString(string)
        let theirs = try? JSONDecoder().decode(String.self, from: Data(text.bytes))
        check(theirs.map { Array($0.utf8) } == Array(string.utf8), "another reader reads \(theirs ?? "nothing")")
    case .number: check(text.number.flatMap(Double.init) != nil, "a number that is none")
    case .bool: check(text.bool != nil, "a bool that is none")
    case .null: break
    }
}

/// A text goes out and comes back byte for byte, without anything that a page or a log takes for more than text.
private func checkString(_ string: String) {
    let bytes = JSONOutput.string(string).bytes
    let harmful = bytes.contains { $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: ">") }
    check(!harmful, "written as it is: \(string)")
    let back = try? JSONText(bytes).string
    check(back.map { Array($0.utf8) } == Array(string.utf8), "a text changed on its way: \(string)")
}

private func readJob(_ text: JSONText) {
    var fields = Fields(text, JobModel.itemShape)
    let model = JobModel(text, &fields, limit: 256 << 10, reserved: "download")
    for error in fields.errors.prefix(100) { checkJSON(error.json) }
    guard let model else {
        check(!fields.errors.isEmpty, "refused without a word")
        return
    }
    check(model.job.invalidField == nil, "the store refuses \(model.job.invalidField ?? "")")
    check((try? JSONText(model.job.payload)) != nil, "the payload is no JSON")
    if let policy = model.job.retryPolicy {
        check(RetryPolicy(stored: policy.stored) == policy, "\(policy) is stored as another")
    }
}
