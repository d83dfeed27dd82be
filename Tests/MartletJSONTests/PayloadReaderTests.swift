// Payloads read here are read as JSONDecoder reads them, and whatever is not simple is left to it.

import Foundation
import MartletJobs
import Testing

@testable import MartletJSON

private enum Colour: String, Codable, Sendable { case red, green }

/// A payload of everything that a flat one can have.
private struct Mixed: Codable, Sendable, Equatable {
    var text: String
    var whole: Int
    var small: UInt8?
    var fraction: Double
    var isSo: Bool
    var colour: Colour?
    var when: Date?
    var key: UUID?
    var bytes: Data?
    var url: URL?
    var price: Decimal?
    var list: [Int]?
}

/// A type that takes what it cannot read for something else.
private struct Lenient: Codable, Equatable {
    var number: Int

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        number = (try? container.decode([Int].self, forKey: .number).count) ?? -1
    }
}

/// A type that looks at the names.
private struct Names: Codable, Equatable {
    var names: Set<String>

    init(from decoder: any Decoder) throws { names = Set(try [String: Int](from: decoder).keys) }
}

private struct Exotic: Codable, Equatable {
    var kelvin: Int?
    var accent: Int?
    enum CodingKeys: String, CodingKey { case kelvin = "\u{212A}", accent = "\u{E9}" }
}

/// What came of reading: the value, or that there was none.
private func outcome<Value>(_ body: () throws -> Value) -> Result<Value, Failed> {
    do { return .success(try body()) } catch { return .failure(Failed(text: "\(error)")) }
}

private struct Failed: Error, Equatable { let text: String }

private func isReadAlike<Value: Decodable & Equatable>(_ type: Value.Type, _ bytes: [UInt8]) -> Bool {
    let ours = outcome { try PayloadReader<Value>().read(bytes) }
    let theirs = outcome { try JSONDecoder().decode(type, from: Data(bytes)) }
    switch (ours, theirs) {
    case (.success(let one), .success(let other)): return one == other
    case (.failure, .failure): return true
    default: return false
    }
}

@Suite struct PayloadReaderTests {
    private static let head = #""text":"a","whole":1,"fraction":1.5,"isSo":true"#

    @Test(arguments: [
        #"{"text":"hello","whole":-7,"fraction":0.1,"isSo":false}"#,
        #" { "text" : "h\#u{E9}" , "whole":999999999999999999,"fraction":17953980001.1234567,"isSo":true } "#,
        "{\(head),\"small\":255,\"colour\":\"green\",\"when\":790000000.25}",
        "{\(head),\"small\":null,\"key\":\"E621E1F8-C36C-495A-93FC-0C247A3E6E5F\"}",
        #"{"fraction":3,"isSo":true,"unknown":null,"text":"","whole":0}"#,
    ])
    func `a flat payload is read without a general decoder, and to the same value`(text: String) throws {
        let flat = try #require(PayloadReader<Mixed>.readFlat(Array(text.utf8)))
        #expect(try flat == JSONDecoder().decode(Mixed.self, from: Data(text.utf8)))
    }

    @Test(arguments: [
        // Needs a general decoder.
        #"{"text":"line\nbreak","whole":1,"fraction":1.5,"isSo":true}"#,
        "{\(head),\"list\":[1,2]}", "{\(head),\"bytes\":\"AAEC\"}", "{\(head),\"url\":\"https://a.example/b c\"}",
        "{\(head),\"price\":1.10}", "{\(head),\"other\":{\"a\":1}}", #"{"text":"a","text":"b","whole":1}"#,
        #"{"text":"a","whole":1e2,"fraction":1E-3,"isSo":true}"#,
        #"{"text":"a","whole":1.0,"fraction":-0,"isSo":true}"#,
        #"{"text":"a","whole":9223372036854775807,"fraction":9007199254740993,"isSo":true}"#,
        #"{"text":"a","whole":9223372036854775808,"fraction":1.5,"isSo":true}"#,
        "{\"text\":\"a\",\"whole\":1,\"isSo\":true,\"fraction\":0.\(String(repeating: "0", count: 400))1}",
        // Of the wrong type, or missing.
        "{\(head),\"small\":256}", "{\(head),\"small\":-1}", "{\(head),\"small\":1.5}", "{\(head),\"small\":\"1\"}",
        "{\(head),\"colour\":\"blue\"}", "{\(head),\"colour\":1}", "{\(head),\"key\":\"no\"}",
        #"{"text":null,"whole":1,"fraction":1.5,"isSo":true}"#, #"{"text":"a","whole":true,"fraction":1.5,"isSo":1}"#,
        #"{"whole":1,"fraction":1.5,"isSo":true}"#, "{}", "[]", "1", "null", "",
        // Not JSON.
        "{\(head)", "{\(head)}}", "{\(head),}", "{\(head) \"x\":1}", "{,\(head)}", "{\(head)}x", "{\"text\"}",
        #"{"text":"a","whole":01,"fraction":1.5,"isSo":true}"#, #"{"text":"a","whole":+1,"fraction":1.5,"isSo":true}"#,
        #"{"text":"a","whole":1,"fraction":1.,"isSo":true}"#, #"{"text":"a","whole":1,"fraction":.5,"isSo":true}"#,
        #"{"text":"a","whole":-,"fraction":1.5,"isSo":true}"#, #"{"text":"a","whole":1,"fraction":1.5,"isSo":True}"#,
        #"{"text":"a","whole":1,"fraction":1.5,"isSo":tru"#, #"{"text":"a"#, #"{"text"#, "{\"text\":\"a\u{1}\"}",
        #"{text:"a"}"#, #"{'text':'a'}"#, "{\(head),\"small\":1.5.5}", "{\(head),\"small\":1-}", "\u{FEFF}{\(head)}",
    ])
    func `every other payload is read by JSONDecoder`(text: String) {
        #expect(isReadAlike(Mixed.self, Array(text.utf8)))
    }

    @Test func `bytes that are not UTF-8 are refused as by JSONDecoder`() {
        for bad: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80]] {
            let tail = Array("\",\"whole\":1,\"fraction\":1.5,\"isSo\":true}".utf8)
            #expect(PayloadReader<Mixed>.readFlat(Array("{\"text\":\"".utf8) + bad + tail) == nil)
            #expect(isReadAlike(Mixed.self, Array("{\"text\":\"".utf8) + bad + tail))
        }
        #expect(isReadAlike(Mixed.self, Array("{\(Self.head)}".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })))
    }

    @Test func `a type that catches errors or asks for names gets the same answers`() throws {
        #expect(isReadAlike(Lenient.self, Array(#"{"number":[1,2,3]}"#.utf8)))
        #expect(isReadAlike(Lenient.self, Array(#"{"number":3}"#.utf8)))
        #expect(isReadAlike(Names.self, Array(#"{"a":1,"b":2}"#.utf8)))
        #expect(PayloadReader<Names>.readFlat(Array(#"{"a":1}"#.utf8)) == nil)
    }

    @Test func `canonically equivalent names are found as by JSONDecoder`() {
        for text in ["{\"K\":1}", "{\"\u{212A}\":1}", "{\"e\u{301}\":2}", "{\"\u{E9}\":2}", "{\"k\":1}"] {
            #expect(isReadAlike(Exotic.self, Array(text.utf8)))
        }
    }

    @Test func `every truncation and every changed byte of a payload is read as by JSONDecoder`() {
        let whole = Array("{\(Self.head),\"small\":12,\"when\":-1.25,\"colour\":\"red\"}".utf8)
        for index in whole.indices {
            #expect(isReadAlike(Mixed.self, Array(whole[..<index])))
            for byte: UInt8 in [0, 0x20, 0x22, 0x2C, 0x2D, 0x2E, 0x30, 0x39, 0x3A, 0x5C, 0x5B, 0x65, 0x7B, 0x7D, 0xC3] {
                var changed = whole
                changed[index] = byte
                #expect(isReadAlike(Mixed.self, changed), "\(String(decoding: changed, as: UTF8.self))")
            }
        }
    }

    @Test func `a type that is never flat is left to JSONDecoder`() throws {
        struct Nested: Codable, Equatable { var list: [Int] }
        let reader = PayloadReader<Nested>()
        for number in 0..<200 {
            #expect(try reader.read(Array("{\"list\":[\(number)]}".utf8)) == Nested(list: [number]))
        }
        #expect(throws: DecodingError.self) { try reader.read(Array("{}".utf8)) }
    }
}
