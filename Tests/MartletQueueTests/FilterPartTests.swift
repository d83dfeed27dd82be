// The parts of a filter as pure values: fingerprints of errors, texts regardless of case, values in payloads.

import Foundation
import TestSupport
import Testing

@testable import MartletQueue

@Suite struct FilterPartTests {
    @Test(arguments: [
        ("order 4711 timed out", "order # timed out"),
        ("  HTTP 503\tfrom 10.0.0.7:8080  ", "HTTP # from #:#"),
        ("no such user 'ada lovelace' in \"eu\"", #"no such user "" in """#),
        ("job 550e8400-e29b-41d4-a716-446655440000 is gone", "job # is gone"),
        ("id 01ARZ3NDEKTSV4RRFFQ69G5FAV", "id #"),
        ("deadbeef is bad, cafe is not", "# is bad, cafe is not"),
        ("can't open it, don't ask", "can't open it, don't ask"),
        ("took 1.5s of 12s", "took # of #"),
        ("0xDEADBEEF at 0x1f", "# at #"),
        ("first line\n  at frame 7", "first line"),
        ("\n\r\n  \nsecond", "second"),
        ("an 'open quote", "an 'open quote"),
        ("größe 7 überschritten", "größe # überschritten"),
        ("", ""), (" \n ", ""),
    ])
    func `numbers, ids and quoted texts are replaced in the first line of an error`(error: String, line: String) {
        #expect(String(decoding: ErrorFingerprint.normalised(error), as: UTF8.self) == line)
    }

    @Test func `fingerprints are stable, short, and differ where the words differ`() {
        // Written down, since stored links and scripts of operators hold them.
        #expect(ErrorFingerprint.of("order 4711 timed out") == ErrorFingerprint.of("order 12 timed out"))
        #expect(ErrorFingerprint.of("order 4711 timed out") == "7c1f76fe52ba")
        #expect(ErrorFingerprint.of("order 4711 timed in") != ErrorFingerprint.of("order 4711 timed out"))
        for error in ["", "x", "order 1"] { #expect(ErrorFingerprint.isValid(ErrorFingerprint.of(error))) }
        for text in ["", "0123456789a", "0123456789abc", "0123456789AB", "0123456789ag"] {
            #expect(!ErrorFingerprint.isValid(text))
        }
    }

    @Test(arguments: [
        ("abc", "xAbCx", true), ("ABC", "xabx", false), ("a", "", false), ("aab", "aaab", true),
        ("größe", "GRÖSSE", false), ("größe", "die GRÖßE", true), ("É", "caf\u{E9}", true), ("k", "K", true),
        ("\u{212A}", "k", true), ("@", "`", false), ("[", "{", false),
    ])
    func `a text is found in small and capital letters`(pattern: String, text: String, isThere: Bool) {
        #expect(TextPattern(pattern).isIn(text) == isThere)
    }

    @Test func `bytes that are no text do not stop a search`() {
        #expect(TextPattern("ö").isIn([0xFF, 0xC3, 0x96, 0xFE]))
        #expect(TextPattern("a").isIn([0xFF, 0x41]))
    }

    private static let payload = Array(
        #"{"a":{"b":[1,{"c":"x y"},true,null]},"n":1.50,"big":90071992547409931,"é":"é","n":2.5e1,"o":{}}"#.utf8)

    @Test(arguments: [
        ("a.b.0", "1", true), ("a.b.0", "1.0", true), ("a.b.0", "2", false), ("a.b.1.c", "x y", true),
        ("a.b.2", "true", true), ("a.b.3", "null", true), ("a.b", "true", true), ("a.b", "x y", false),
        ("n", "25", true), ("n", "1.5", false), ("big", "90071992547409931", true), ("big", "90071992547409930", false),
        ("é", "é", true), ("a.b.9", "1", false), ("a.c", "1", false), ("o", "", false), ("n.x", "25", false),
        ("a.b.-1", "1", false), ("a.b.99999999999999999999", "1", false),
    ])
    func `a value at a path is compared by what it is`(path: String, value: String, holds: Bool) throws {
        let condition = try #require(PayloadCondition(path, equals: value))
        #expect(PayloadCondition.allHold([condition], in: Self.payload) == holds)
    }

    @Test func `paths have names, and payloads that are no JSON have no values`() throws {
        for path in ["", ".", "a.", ".a", "a..b", String(repeating: "a.", count: 16) + "a"] {
            #expect(PayloadCondition(path, equals: "1") == nil, "\(path)")
        }
        #expect(PayloadCondition(String(repeating: "a", count: 257), equals: "") == nil)
        #expect(PayloadCondition("a", equals: String(repeating: "a", count: 257)) == nil)
        let condition = try #require(PayloadCondition("0", equals: "1"))
        #expect(!PayloadCondition.allHold([condition], in: [0xFF]) && PayloadCondition.allHold([], in: [0xFF]))
        #expect(PayloadCondition.allHold([condition], in: Array("[1]".utf8)))
    }
}
