// The strict JSON reader, the writer, and points in time.

import Foundation
import Testing

@testable import MartletHTTP
@testable import MartletJSON

@Suite struct JSONTests {
    @Test func `values are read byte for byte as they were written`() throws {
        let text = try JSONText(
            Array(" { \"a\" : [1, -2.50e+3 , true,null] ,\"b\":\"x\\n\\u0041\\ud83d\\ude00\\\\\\\"\" } ".utf8))
        let members = try #require(text.members)
        #expect(members.map(\.key) == ["a", "b"])
        let elements = try #require(members[0].value.elements)
        #expect(elements.map(\.kind) == [.number, .number, .bool, .null])
        #expect(elements[1].number == "-2.50e+3")
        #expect(elements[2].bool == true)
        #expect(members[1].value.string == "x\nA😀\\\"")
        #expect(String(decoding: members[0].value.bytes, as: UTF8.self) == "[1, -2.50e+3 , true,null]")
        #expect(text.string == nil)
        #expect(text.elements == nil)
        #expect(elements[0].members == nil)
    }

    @Test func `keys with escapes, quotes and colons are read correctly`() throws {
        let text = try JSONText(Array(#"{"a\"b": 1, "c:d" :2, "":3, "\u0065":4}"#.utf8))
        #expect(text.members?.map(\.key) == ["a\"b", "c:d", "", "e"])
        #expect(try JSONText(Array("{}".utf8)).members?.isEmpty == true)
        #expect(try JSONText(Array("[ ]".utf8)).elements?.isEmpty == true)
    }

    @Test func `reading an object stops after more members than any model has`() throws {
        let members = (0..<100_000).map { "\"k\($0)\":\($0)" }
        let text = try JSONText(Array("{\(members.joined(separator: ","))}".utf8))
        let took = ContinuousClock().measure {
            let shape = ObjectShape(body: "T", "", ["k99", "k100"].map { Field.integer($0, in: 0...100, "") })
            var fields = Fields(text, shape)
            #expect(fields.integer("k99", in: 0...100) == 99)
            #expect(fields.integer("k100", in: 0...100) == nil)
            let errors = fields.close()
            #expect(errors.first?.detail == "has more than 100 members")
            #expect(errors.count == 100)
        }
        #expect(took < .seconds(20), "\(took)")
    }

    @Test func `the canonical form of deeply nested values takes the time of their length`() throws {
        let depth = 127
        let inner = Array(repeating: #"{"b":1,"a":"x"}"#, count: 2000).joined(separator: ",")
        let open = String(repeating: #"{"v":"#, count: depth - 2)
        let text = try JSONText(Array("\(open)[\(inner)]\(String(repeating: "}", count: depth - 2))".utf8))
        let took = ContinuousClock().measure {
            let canonical = String(decoding: text.canonical, as: UTF8.self)
            #expect(canonical.hasPrefix(open + #"[{"a":"x","b":1},{"a":"x","b":1},"#))
            #expect(canonical.utf8.count == text.count)
        }
        #expect(took < .seconds(15), "\(took)")
    }

    @Test func `reading a list stops after its limit`() throws {
        let text = try JSONText(Array("{\"l\":[\(Array(repeating: "1", count: 5000).joined(separator: ","))]}".utf8))
        var fields = Fields(text, ObjectShape(body: "T", "", [LimitedField.batch("l", of: .any, "")]))
        #expect(fields.list("l", limit: 16)?.count == 17)
    }

    @Test func `text that is not UTF-8 is refused`() {
        #expect(throws: JSONSyntaxError.self) { try JSONText([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONSyntaxError.self) { try JSONText([0x22, 0xED, 0xA0, 0x80, 0x22]) }
    }

    @Test func `all ways to write a value have one canonical form`() throws {
        let one = try JSONText(Array(#"{ "b":[1, {"y":2,"x":"\u00e9\/"}], "a":null,"t":true }"#.utf8))
        let two = try JSONText(Array(#"{"a":null,"t":true,"b":[1,{"x":"é/","y":2}]}"#.utf8))
        #expect(one.canonical == two.canonical)
        #expect(RequestDigest.of(one) == RequestDigest.of(two))
        #expect(RequestDigest.of(one) != RequestDigest.of(try JSONText(Array("{}".utf8))))
    }

    @Test func `what is written is JSON, with all escaped that a page could take for markup`() throws {
        let json = JSONOutput.object([
            "a": "<b>\"\\\u{1}\n\u{7F}&", "n": .double(.infinity), "d": .double(1.5), "o": .opaque([0xFF]), "z": nil,
            "s": .seconds(.milliseconds(1500)), "w": .seconds(.seconds(2)), "r": .raw(Array("[1]".utf8)), "e": [],
        ])
        let text = String(decoding: json.bytes, as: UTF8.self)
        #expect(text.hasPrefix(#"{"a":"\u003cb\u003e\"\\\u0001\n\u007f\u0026","n":null,"d":1.5,"o":""#))
        #expect(text.hasSuffix(#","s":1.5,"w":2,"r":[1],"e":[]}"#))
        let parsed = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any]
        #expect(parsed?["a"] as? String == "<b>\"\\\u{1}\n\u{7F}&")
        #expect(JSONOutput.int(1).adding([("a", 1)]).bytes == Array("1".utf8))
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00.000Z", 0.0), ("2026-02-28T23:59:59.999Z", 1_772_323_199.999),
        ("2000-02-29T12:00:00.000Z", 951_825_600), ("1969-12-31T23:59:59.500Z", -0.5),
        ("2400-12-31T00:00:00.001Z", 13_601_001_600.001),
    ])
    func `points in time are written and read with milliseconds`(text: String, seconds: Double) throws {
        #expect(Date(timeIntervalSince1970: seconds).rfc3339 == text)
        let date = try #require(Date(rfc3339: text))
        #expect(abs(date.timeIntervalSince1970 - seconds) < 0.0005)
    }

    @Test func `times with offsets are read, and times that do not exist are not`() {
        #expect(Date(rfc3339: "2026-01-01T01:30:00+01:30") == Date(rfc3339: "2026-01-01t00:00:00z"))
        #expect(Date(rfc3339: "2025-12-31T23:00:00.25-01:00") == Date(rfc3339: "2026-01-01T00:00:00.250Z"))
        let bad = [
            "", "2026-01-01", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+25:00",
            "2026-01-01 00:00:00Z", "２０26-01-01T00:00:00Z", "2026-00-10T00:00:00Z",
        ]
        for text in bad { #expect(Date(rfc3339: text) == nil, "\(text)") }
    }
}
