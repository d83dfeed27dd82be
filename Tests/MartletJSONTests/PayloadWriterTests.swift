// Payloads written here are, byte for byte, those of JSONEncoder with sorted keys.

import Foundation
import Testing

@testable import MartletJSON

private enum Colour: String, Codable { case red, green }

/// A payload of everything that a flat one can have.
private struct Mixed: Codable {
    var text = "hello"
    var whole = -7
    var small: UInt8? = 255
    var fraction = 0.1
    var isSo = true
    var colour: Colour? = .green
    var when: Date?
    var key: UUID?
    var url: URL?
    var bytes: Data?
    var price: Decimal?
    var list: [Int]?
    var more: [String: Int]?
    var real: Float?
}

/// Names that sort in no simple way.
private struct Named: Encodable {
    var names: [String]

    struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (number, name) in names.enumerated() { try container.encode(number, forKey: Key(stringValue: name)) }
    }
}

/// Types that ask an encoder for more than fields.
private enum Odd: Encodable, CaseIterable {
    case nothing, empty, twice, single, list, nested, above, null, lenient

    enum Key: String, CodingKey { case a, b }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .nothing: return
        case .empty: _ = encoder.container(keyedBy: Key.self)
        case .twice:
            var one = encoder.container(keyedBy: Key.self)
            try one.encode(1, forKey: .a)
            var other = encoder.container(keyedBy: Key.self)
            try other.encode(2, forKey: .b)
        case .single:
            var value = encoder.singleValueContainer()
            try value.encode("text")
        case .list:
            var list = encoder.unkeyedContainer()
            try list.encode(1)
            try list.encode("two")
        case .nested:
            var outer = encoder.container(keyedBy: Key.self)
            var inner = outer.nestedContainer(keyedBy: Key.self, forKey: .a)
            try inner.encode(1, forKey: .b)
        case .above:
            var outer = encoder.container(keyedBy: Key.self)
            try 5.encode(to: outer.superEncoder(forKey: .b))
        case .null:
            var outer = encoder.container(keyedBy: Key.self)
            try outer.encodeNil(forKey: .a)
        case .lenient:
            var outer = encoder.container(keyedBy: Key.self)
            try? outer.encode(Double.nan, forKey: .a)
            try outer.encode(1, forKey: .b)
        }
    }
}

private func expectAlike(_ payload: some Encodable, _ place: SourceLocation = #_sourceLocation) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let theirs = try? encoder.encode(payload)
    let ours = try? PayloadWriter.write(payload)
    let (one, other) = (
        ours.map { String(decoding: $0, as: UTF8.self) }, theirs.map { String(decoding: $0, as: UTF8.self) }
    )
    #expect(one == other, sourceLocation: place)
}

@Suite struct PayloadWriterTests {
    @Test(arguments: [
        0, 1, -1, 0.1, 1e15, 1e16, 1.5e300, .leastNonzeroMagnitude, -0.0, 1e-5, 123_456_789.125,
        17_953_980_001.123_456_7,
    ])
    func `numbers are written as JSONEncoder writes them`(number: Double) {
        #expect(PayloadWriter.writeFlat(Mixed(fraction: number)) != nil)
        expectAlike(Mixed(fraction: number))
        expectAlike(Mixed(fraction: number, when: Date(timeIntervalSinceReferenceDate: number)))
    }

    @Test(arguments: [
        "", "a/b", "say \"x\"", "back\\slash", "line\nbreak\r\n\t", "h\u{E9}\u{1F426}", "\u{0}",
        "\u{8}\u{C}\u{1F}\u{7F}",
        "\u{2028}\u{2029}", String(repeating: "x", count: 5000),
    ])
    func `texts are escaped as JSONEncoder escapes them`(text: String) { expectAlike(Mixed(text: text)) }

    @Test func `flat payloads need no general encoder`() throws {
        let job = Mixed(when: Date(timeIntervalSinceReferenceDate: 790_000_000.25), key: UUID())
        #expect(PayloadWriter.writeFlat(job) != nil)
        expectAlike(job)
        expectAlike(Mixed(small: nil, colour: nil))
    }

    @Test func `payloads that are not flat or not simple are left to JSONEncoder`() {
        let jobs = [
            Mixed(url: URL(string: "https://a.example/b")), Mixed(bytes: Data([1, 2, 3])), Mixed(price: 1.1),
            Mixed(list: [1, 2]), Mixed(more: ["b": 1, "a": 2]), Mixed(real: 0.1), Mixed(fraction: .nan),
        ]
        for job in jobs {
            #expect(PayloadWriter.writeFlat(job) == nil)
            expectAlike(job)
        }
        expectAlike(["b": 1, "a": 2])
        expectAlike([3, 1])
        expectAlike("text")
        expectAlike(Data([1]))
        for odd in Odd.allCases { expectAlike(odd) }
    }

    @Test(arguments: [
        ["b", "a", "C", "B"], ["a10", "a9", "a1"], ["\u{E9}", "e", "f", "z"], ["e\u{301}", "\u{E9}"], ["a", "a"],
        ["x", "e\u{301}"],
        ["", "x y", "\""],
        ["ab", "a", "abc", "aB"], ["_", "-", "1", "A"],
    ])
    func `names are sorted as JSONEncoder sorts them`(names: [String]) { expectAlike(Named(names: names)) }
}
