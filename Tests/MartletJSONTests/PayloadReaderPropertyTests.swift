// Thousands of made-up payloads are read here as JSONDecoder reads them, or refused as it refuses them.

import Foundation
import TestSupport
import Testing

@testable import MartletJSON

private enum Colour: String, Codable { case red, green }

/// Everything that a field can be, none of it required.
private struct Loose: Codable {
    var text: String?
    var name: String?
    var whole: Int?
    var small: Int8?
    var tiny: UInt8?
    var medium: UInt16?
    var wide: UInt32?
    var long: Int64?
    var longest: UInt64?
    var fraction: Double?
    var real: Float?
    var isSo: Bool?
    var colour: Colour?
    var when: Date?
    var key: UUID?
    var bytes: Data?
    var place: URL?
    var price: Decimal?
    var list: [Int]?

    enum CodingKeys: String, CodingKey {
        case text, name = "\u{E9}", whole, small, tiny, medium, wide, long, longest, fraction, real, isSo, colour, when,
            key,
            bytes, place, price, list
    }

    /// A value that fits each field, and one that needs no general decoder.
    static func tameFields(_ dice: inout PayloadDice) -> [(name: String, fitting: String)] {
        let whole = ["whole", "small", "tiny", "medium", "wide", "long", "longest"]
        let fields = whole.map { (name: $0, fitting: "\(dice.below(128))") }
        return fields + [
            ("text", "\"\(dice.one(of: ["", "a", "h\u{E9}llo", "\u{1F426} bird", "e\u{301}"]))\""),
            ("fraction", "\(Double(dice.below(1 << 20)) / 64)"), ("isSo", dice.one(of: ["true", "false"])),
            ("colour", dice.one(of: ["\"red\"", "\"green\"", "null"])), ("when", "-\(dice.below(1 << 40)).25"),
        ]
    }

    /// A value that fits each field.
    static func fields(_ dice: inout PayloadDice) -> [(name: String, fitting: String)] {
        dice.once(in: 3) ? wildFields(&dice) : tameFields(&dice)
    }

    private static func wildFields(_ dice: inout PayloadDice) -> [(name: String, fitting: String)] {
        [
            ("text", dice.quoted(dice.text())), (dice.one(of: ["\u{E9}", "e\u{301}"]), dice.quoted(dice.text())),
            ("whole", dice.integer(Int.self).description), ("small", dice.integer(Int8.self).description),
            ("tiny", dice.integer(UInt8.self).description), ("medium", dice.integer(UInt16.self).description),
            ("wide", dice.integer(UInt32.self).description), ("long", dice.integer(Int64.self).description),
            ("longest", dice.integer(UInt64.self).description), ("fraction", dice.double().description),
            ("isSo", dice.one(of: ["true", "false"])), ("colour", dice.one(of: ["\"red\"", "\"green\"", "\"blue\""])),
            ("when", dice.double().description), ("key", "\"\(UUID())\""),
        ]
    }

    /// Those that only JSONDecoder reads.
    static func others(_ dice: inout PayloadDice) -> [(name: String, fitting: String)] {
        [
            ("real", dice.double().description), ("bytes", "\"AAEC\""), ("place", "\"https://a.example/b\""),
            ("price", dice.double().description), ("list", "[1,2]"),
        ]
    }
}

/// A few fields that must be there.
private struct Strict: Codable {
    var text: String
    var whole: Int
    var fraction: Double
    var isSo: Bool
    var tiny: UInt8?

    static func fields(_ dice: inout PayloadDice) -> [(name: String, fitting: String)] {
        Loose.fields(&dice).filter { ["text", "whole", "fraction", "isSo", "tiny"].contains($0.name) }
    }
}

/// All of a value, exactly: texts by their bytes, numbers by their bits.
private func exact(_ value: Any) -> String {
    switch value {
    case let text as String: "\(Array(text.utf8))"
    case let number as Double: "\(number.bitPattern)"
    case let number as Float: "\(number.bitPattern)"
    case let when as Date: "\(when.timeIntervalSinceReferenceDate.bitPattern)"
    case let simple as any Hashable where Mirror(reflecting: simple).children.isEmpty: "\(type(of: simple)) \(simple)"
    default:
        Mirror(reflecting: value).children.map { "\($0.label ?? "")=\(exact($0.value))" }.joined(separator: ";")
    }
}

/// What both made of one payload.
private struct Reading {
    var ours: String?
    var theirs: String?
    var isFlat: Bool

    init<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) {
        ours = (try? PayloadReader<Value>().read(bytes)).map { exact($0) }
        theirs = (try? JSONDecoder().decode(type, from: Data(bytes))).map { exact($0) }
        isFlat = PayloadReader<Value>.readFlat(bytes) != nil
    }
}

@Suite struct PayloadReaderPropertyTests {
    private static let rounds = 1500

    @Test(arguments: [1, 2, 3, UInt64.random(in: 4 ... .max)])
    func `random payloads are read as JSONDecoder reads them`(seed: UInt64) {
        var dice = PayloadDice(seed: seed)
        var (flat, refused) = (0, 0)
        for round in 0..<Self.rounds {
            let isStrict = dice.once(in: 3)
            var fields = isStrict ? Strict.fields(&dice) : Loose.fields(&dice)
            if !isStrict, dice.once(in: 5) { fields.append(dice.one(of: Loose.others(&dice))) }
            let bytes = dice.object(fields)
            let reading = isStrict ? Reading(Strict.self, bytes) : Reading(Loose.self, bytes)
            if reading.isFlat { flat += 1 }
            if reading.theirs == nil { refused += 1 }
            guard reading.ours != reading.theirs else { continue }
            Issue.record(
                """
                seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self)) \(bytes)
                here \(reading.ours ?? "an error"), there \(reading.theirs ?? "an error")
                """)
        }
        // Neither way was the only one.
        #expect(flat > Self.rounds / 20, "\(flat) were read here")
        #expect(refused > Self.rounds / 20 && refused < Self.rounds * 19 / 20, "\(refused) were refused")
    }
}
