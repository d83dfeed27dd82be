// What fuzzing found in the reading of names and of servers' answers, each as an example.

import MartletJobs
import NIOHTTP1
import Testing

@testable import MartletDownloads

@Suite struct FoundByFuzzingTests {
    @Test func `a range that ends at the largest integer does not crash the worker`() {
        let headers: HTTPHeaders = ["Content-Range": "bytes 5-9223372036854775807/*", "ETag": "\"v\""]
        let known = DownloadCheckpoint(offset: 5, version: RemoteVersion(etag: "\"v\""))
        let rules = ResponseRules(
            request: .rest(from: 5, ifRange: "\"v\""), known: known, limit: 1000, source: "origin")
        let answer = rules.action(ResponseHead(status: 206, headers: headers, receivedAt: 0))
        guard case .requestWhole = answer else {
            Issue.record("\(answer)")
            return
        }
        #expect(ContentRange("bytes 0-9223372036854775806/*") != nil)
    }

    @Test(arguments: [".\u{301}profile", ".\u{200D}x", ".\u{FE0F}x"])
    func `a dot with a combining mark counts as a dot`(name: String) throws {
        #expect(throws: DownloadRuleError.self) { try FileNames.checked(name) }
        let url = try DownloadURL(
            "https://a.example/" + Percent.encoded(name) { $0 < 0x80 }, allowPrivateAddresses: false)
        let derived = FileNames.derived(from: url)
        #expect(derived.utf8.first != UInt8(ascii: "."))
        #expect(try FileNames.checked(derived) == derived)
    }

    @Test(arguments: ["CON.\u{301}txt", "NUL" + String(repeating: " ", count: 100) + "x"])
    func `a device's name is recognised behind marks and blanks`(name: String) {
        #expect(throws: DownloadRuleError.self) { try FileNames.checked(name) }
    }

    @Test func `the part of a file whose name begins with a mark is found again`() throws {
        let id = try #require(JobID("job"))
        let part = PartName.make(filename: try FileNames.checked("\u{301}a"), id: id, token: "1:nonce")
        #expect(PartName.isPart(part, of: "job"))
    }
}
