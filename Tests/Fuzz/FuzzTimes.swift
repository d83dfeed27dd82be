// Fuzzes points in time, waits and numbers from outside: what is read can be written, and means the same then.

import FoundationEssentials
import MartletJobs

@testable import MartletDownloads
@testable import MartletHTTP
@testable import MartletJSON
@testable import MartletTelemetry

/// A line for a time, then the value of a query.
func fuzzTimes(_ input: Input) {
    var input = input
    let text = input.words()
    if let date = Date(rfc3339: text) { checkDate(date, text) }
    if let seconds = HTTPDate.seconds(text) { checkHTTPDate(seconds, text) }
    checkQuery(input.words())
    let milliseconds = input.integer()
    let shown = Timestamp.text(milliseconds: milliseconds)
    check(shown.utf8.count == 24 && shown.utf8.allSatisfy { $0 < 0x80 }, "a time of another length: \(shown)")
    check(Duration.milliseconds(milliseconds).inMilliseconds == Int(milliseconds), "\(milliseconds) ms")
    if JSONOutput.seconds(.milliseconds(milliseconds)).bytes.isEmpty { fatalError("a duration without a text") }
    let shownToo = Date(timeIntervalSince1970: Double(milliseconds)).rfc3339
    check(shownToo.utf8.count == 24, "a time of another length: \(shownToo)")
}

private func checkDate(_ date: Date, _ text: String) {
    check(text.utf8.allSatisfy { $0 < 0x80 } && text.utf8.count >= 20, "\(text) is taken for a time")
    let shown = date.rfc3339
    let back = wanted(Date(rfc3339: shown), "\(text) is shown as \(shown), which is no time")
    check(back.rfc3339 == shown, "\(text) is shown as \(shown) and then as \(back.rfc3339)")
    check(abs(back.timeIntervalSince(date)) <= 0.001, "\(text) is shown as \(shown), another time")
}

private func checkHTTPDate(_ seconds: Int64, _ text: String) {
    check((0...253_402_300_860).contains(seconds), "\(text) is \(seconds) s")
    let parts = Array(Timestamp.text(milliseconds: seconds * 1000).utf8)
    func digits(_ range: Range<Int>) -> String { String(decoding: parts[range], as: UTF8.self) }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard seconds < 253_402_300_800, let month = Int(digits(5..<7)) else { return }
    let shown = "Thu, \(digits(8..<10)) \(months[month - 1]) \(digits(0..<4)) \(digits(11..<19)) GMT"
    check(HTTPDate.seconds(shown) == seconds, "\(text) is shown as \(shown), another time")
}

private func checkQuery(_ value: String) {
    guard let query = try? Query([(key: Substring("a"), value: Substring(value))], known: ["a"]) else { return }
    if let number = try? query.integer("a", in: -10...1000) {
        check((-10...1000).contains(number) && Int(value) == number, "\(value) is taken for \(number)")
    }
    if let number = try? query.number("a", in: 0...60) {
        check((0...60).contains(number), "\(value) is taken for \(number)")
    }
}
