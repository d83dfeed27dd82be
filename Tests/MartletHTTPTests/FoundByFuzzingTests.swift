// What fuzzing found in times and in files of tokens, each as an example.

import FoundationEssentials
import Testing

@testable import MartletHTTP

@Suite struct FoundByFuzzingTests {
    @Test(arguments: [
        (9.3e15, "9999-12-31T23:59:59.999Z"), (-9.3e15, "0000-01-01T00:00:00.000Z"),
        (253_402_300_799.9996, "9999-12-31T23:59:59.999Z"),
    ])
    func `a time beyond the calendar is shown as the nearest within it`(seconds: Double, text: String) {
        #expect(Date(timeIntervalSince1970: seconds).rfc3339 == text)
    }

    @Test(arguments: [
        "2026-01-31T12:00:00.\u{663}Z", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
    ])
    func `digits of other scripts and times beyond the calendar are no times`(text: String) {
        #expect(Date(rfc3339: text) == nil)
    }

    @Test func `a file of tokens may have the line ends of another system`() throws {
        let line = try AccessToken(name: "a", roles: [.read]).line
        let other = try AccessToken(name: "b", roles: [.read]).line
        #expect(try TokenTable("# tokens\r\n\(line)\r\n\r\n\(other) # another\r\n").count == 2)
        let error = #expect(throws: TokenFileError.self) { try TokenTable("# tokens\r\nx\r\n") }
        #expect(error?.line == 2)
    }
}
