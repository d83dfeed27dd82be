// Fuzzes ids, names, patterns and files of tokens against what is written down of them.

import FoundationEssentials
import HTTPTypes
import MartletJobs
import MartletQueue

@testable import MartletHTTP

private let matcher = RouteMatcher(Route.all)

/// A line for an id and queue, one for a pattern, one for a path; then a file of tokens.
func fuzzNames(_ input: Input) {
    var input = input
    let text = input.words()
    checkID(text)
    checkQueue(text)
    checkPattern(input.words(), text)
    checkPath(input.words())
    checkTokens(input.text, text)
}

/// Ends of lines are the same in every system's form, and what no line names is not let in.
private func checkTokens(_ lines: String, _ word: String) {
    let table = try? TokenTable(lines)
    let plain = lines.utf8.filter { $0 != 0x0D }
    let unix = try? TokenTable(String(decoding: plain, as: UTF8.self))
    let windows = try? TokenTable(String(decoding: plain.flatMap { $0 == 0x0A ? [0x0D, $0] : [$0] }, as: UTF8.self))
    check(unix?.count == windows?.count, "\(unix?.count ?? -1) tokens are \(windows?.count ?? -1) behind line feeds")
    check(table?.caller(presenting: word) == nil, "\(word) is let in")
}

private let digits = "0123456789"
private let small = "abcdefghijklmnopqrstuvwxyz"

private func checkID(_ text: String) {
    let alphabet = Set((small + small.uppercased() + digits + "._:-").utf8)
    let isID =
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy(alphabet.contains)
        && text.utf8.contains { $0 != UInt8(ascii: ".") } && !JobID.reserved.contains(text)
    let id = JobID(text)
    check((id != nil) == isID, "an id of \(text)")
    guard let id else { return }
    check(id.description == text, "\(text) became \(id)")
    let time = id.generatedAt?.timeIntervalSince1970 ?? 0
    check((0...281_474_976_711).contains(time), "\(text) was made at \(time)")
}

private func checkQueue(_ text: String) {
    let first = Set((small + digits).utf8)
    let alphabet = first.union("._-".utf8)
    let isQueue =
        (1...64).contains(text.utf8.count) && text.utf8.first.map(first.contains) ?? false
        && text.utf8.allSatisfy(alphabet.contains)
    check((QueueName(text) != nil) == isQueue, "a queue of \(text)")
    check(QueueName(text)?.description ?? text == text, "\(text) became another queue")
}

private func checkPattern(_ pattern: String, _ text: String) {
    guard let glob = QueueGlob(pattern) else { return }
    check(glob.description == pattern && QueueGlob(glob.description) == glob, "\(pattern) became \(glob)")
    guard let name = QueueName(text) else { return }
    let words = pattern.split(separator: ",").map { Array($0.utf8) }
    let isMatch = words.contains { matches($0, Array(name.description.utf8)) }
    check(glob.matches(name) == isMatch, "\(pattern) and \(name)")
    if glob.isEverything { check(glob.matches(name), "\(pattern) holds for all but \(name)") }
}

/// Whether a word with stars fits, by the table of all prefixes.
private func matches(_ word: [UInt8], _ text: [UInt8]) -> Bool {
    var fits = [Bool](repeating: false, count: text.count + 1)
    fits[0] = true
    for letter in word {
        var next = [Bool](repeating: false, count: text.count + 1)
        if letter == UInt8(ascii: "*") {
            var reached = false
            for index in fits.indices {
                reached = reached || fits[index]
                next[index] = reached
            }
        } else {
            for index in text.indices where fits[index] && text[index] == letter { next[index + 1] = true }
        }
        fits = next
    }
    return fits[text.count]
}

private func checkPath(_ path: String) {
    guard let match = matcher.match(path) else { return }
    let names = match.path.template.utf8.count { $0 == UInt8(ascii: "{") }
    check(match.parameters.count == names, "\(path) gives \(match.parameters)")
    for method in [HTTPRequest.Method.get, .head, .post, .put, .patch, .delete] {
        guard let route = try? match.path.route(method) else { continue }
        check(route.method == (method == .head ? .get : method), "\(method) \(path) is \(route.name)")
        check(route.template == match.path.template, "\(path) is \(route.name)")
    }
}
