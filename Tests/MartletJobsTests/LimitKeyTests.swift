// The names and weights of limit keys, and their stored form.

import Testing

@testable import MartletJobs

@Suite struct LimitKeyTests {
    @Test(arguments: [
        "host:example.com", "a:b", "tenant-1_x:7", "host:a:b", "host:a b", "h:\(String(repeating: "v", count: 128))",
        "\(String(repeating: "c", count: 32)):v", "t:ü", "a:**",
    ])
    func `a key is a class, a colon and a value`(_ name: String) {
        #expect(LimitKey(name).isValid)
        #expect(LimitKey.parts(of: name).map { "\($0.class):\($0.value)" } == name)
    }

    @Test(arguments: [
        "", "host", ":a", "host:", "Host:a", "1h:a", "-a:b", "ho st:a", "hö:a", "host: a", "host:a ", "host:a\nb",
        "host:\u{202E}a", "host:*", "type:mail", "tag:a", "group:g", "h:\(String(repeating: "v", count: 129))",
        "\(String(repeating: "c", count: 33)):v",
    ])
    func `every other name is none`(_ name: String) { #expect(!LimitKey(name).isValid) }

    @Test func `a job has up to eight different keys with weights from 1 to 1000`() {
        let eight = (0..<8).map { LimitKey("a:\($0)", weight: $0 * 100 + 1) }
        #expect(LimitKey.areValid(eight) && LimitKey.areValid([]))
        #expect(!LimitKey.areValid(eight + ["b:1"]))
        #expect(!LimitKey.areValid(["a:1", LimitKey("a:1", weight: 2)]))
        for weight in [-1, 0, 1001] { #expect(!LimitKey.areValid([LimitKey("a:1", weight: weight)])) }
    }

    @Test func `stored keys are read again, and lines that are none are left out`() {
        let keys: [LimitKey] = ["host:a b", LimitKey("tenant:7", weight: 1000)]
        #expect(LimitKey.stored(keys) == "1 host:a b\n1000 tenant:7")
        #expect(LimitKey.list(stored: LimitKey.stored(keys)) == keys)
        #expect(LimitKey.list(stored: "x\n\n1 a:b\ny c:d") == ["a:b"])
    }
}
