// Thousands of made-up payloads are written here byte for byte as JSONEncoder writes them, or refused as it refuses them.

import Foundation
import TestSupport
import Testing

@testable import MartletJSON

private enum Colour: String, Encodable { case red, green }

/// Fields of any name with values of any kind.
private struct Made: Encodable {
    enum Value {
        case text(String), whole(Int), small(Int8), tiny(UInt8), long(Int64), longest(UInt64), fraction(Double)
        case real(Float), truth(Bool), nothing, colour(Colour), when(Date), key(UUID), bytes(Data), list([Int]), object
    }

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    var fields: [(name: String, value: Value)]

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (name, value) in fields { try Self.encode(value, Key(name), &container) }
    }

    private static func encode(_ value: Value, _ key: Key, _ container: inout KeyedEncodingContainer<Key>) throws {
        switch value {
        case .text(let text): try container.encode(text, forKey: key)
        case .whole(let number): try container.encode(number, forKey: key)
        case .small(let number): try container.encode(number, forKey: key)
        case .tiny(let number): try container.encode(number, forKey: key)
        case .long(let number): try container.encode(number, forKey: key)
        case .longest(let number): try container.encode(number, forKey: key)
        case .fraction(let number): try container.encode(number, forKey: key)
        case .real(let number): try container.encode(number, forKey: key)
        case .truth(let truth): try container.encode(truth, forKey: key)
        case .nothing: try container.encodeNil(forKey: key)
        case .colour(let colour): try container.encode(colour, forKey: key)
        case .when(let date): try container.encode(date, forKey: key)
        case .key(let id): try container.encode(id, forKey: key)
        case .bytes(let data): try container.encode(data, forKey: key)
        case .list(let list): try container.encode(list, forKey: key)
        case .object: try container.encode(["a": 1], forKey: key)
        }
    }

    init(_ dice: inout PayloadDice) {
        let isWild = dice.once(in: 4)
        let names = ["a", "b", "ab", "aB", "A", "", "a10", "a9", "\u{E9}", "e\u{301}", "x y", "a.b", "_", "\u{1F426}"]
        var fields: [(name: String, value: Value)] = []
        for _ in 0..<dice.below(8) {
            let name = dice.once(in: 4) ? dice.text() : dice.one(of: names)
            // The same name twice only now and then, or nothing would be left to be written here.
            if fields.contains(where: { $0.name == name }), !dice.once(in: 20) { continue }
            fields.append((name, isWild && dice.once(in: 4) ? Self.wild(&dice) : Self.tame(&dice)))
        }
        self.fields = fields
    }

    private static func tame(_ dice: inout PayloadDice) -> Value {
        switch dice.below(12) {
        case 0: .whole(dice.integer())
        case 1: .small(dice.integer())
        case 2: .tiny(dice.integer())
        case 3: .long(dice.integer())
        case 4: .longest(dice.integer())
        case 5: .truth(dice.once(in: 2))
        case 6: .nothing
        case 7: .colour(dice.one(of: [.red, .green]))
        case 8: .when(Date(timeIntervalSinceReferenceDate: Double(dice.below(1 << 40)) / 1024))
        case 9: .key(UUID())
        case 10: .fraction(Double(dice.integer(Int32.self)) / 64)
        default: .text(dice.text())
        }
    }

    private static func wild(_ dice: inout PayloadDice) -> Value {
        switch dice.below(6) {
        case 0: .real(Float(dice.double()))
        case 1: .bytes(Data(dice.text().utf8))
        case 2: .list([1, 2])
        case 3: .object
        case 4: .when(Date(timeIntervalSinceReferenceDate: dice.double()))
        default: .fraction(dice.double())
        }
    }
}

@Suite struct PayloadWriterPropertyTests {
    private static let rounds = 1500

    @Test(arguments: [1, 2, 3, UInt64.random(in: 4 ... .max)])
    func `random payloads are written as JSONEncoder writes them`(seed: UInt64) {
        var dice = PayloadDice(seed: seed)
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var (flat, refused) = (0, 0)
        for round in 0..<Self.rounds {
            let payload = Made(&dice)
            let theirs = (try? encoder.encode(payload)).map { Array($0) }
            let ours = try? PayloadWriter.write(payload)
            if PayloadWriter.writeFlat(payload) != nil { flat += 1 }
            if theirs == nil { refused += 1 }
            guard ours != theirs else { continue }
            func shown(_ bytes: [UInt8]?) -> String { bytes.map { String(decoding: $0, as: UTF8.self) } ?? "an error" }
            Issue.record("seed \(seed), round \(round): here \(shown(ours)), there \(shown(theirs)), of \(payload)")
        }
        // Neither way was the only one.
        #expect(flat > Self.rounds / 4 && flat < Self.rounds * 19 / 20, "\(flat) were written here")
        #expect(refused > 0, "none was refused")
    }
}
