// Fuzzes payloads: what is read and written here without Foundation is what Foundation reads and writes.

import FoundationEssentials

@testable import MartletJSON

/// A type with a field of each kind that is read here, and some that are not.
private struct Sample: Codable {
    var a: String?
    var b: Int?
    var c: UInt8?
    var d: Int64?
    var e: Double?
    var f: Bool?
    var g: Date?
    var h: UUID?
    var i: [Int]?
    var j: Kind?
    var k: Float?
    var l: UInt64?

    enum Kind: String, Codable { case red, green }

    /// All of it, exactly.
    var words: [String] {
        [
            "\(a.map { Array($0.utf8) } ?? [])", "\(a == nil)", "\(b as Int?, default: "-")",
            "\(c as UInt8?, default: "-")",
            "\(d as Int64?, default: "-")", "\(e?.bitPattern as UInt64?, default: "-")", "\(f as Bool?, default: "-")",
            "\(g?.timeIntervalSinceReferenceDate.bitPattern as UInt64?, default: "-")", "\(h as UUID?, default: "-")",
            "\(i as [Int]?, default: "-")", "\(j as Kind?, default: "-")", "\(k?.bitPattern as UInt32?, default: "-")",
            "\(l as UInt64?, default: "-")",
        ]
    }
}

/// Two names and two texts, numbers of either kind: what a producer may give.
private struct Given: Encodable {
    var fields: [(String, String)]
    var number: Int64
    var fraction: Double

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (name, text) in fields { try container.encode(text, forKey: Key(name)) }
        try container.encode(number, forKey: Key("number"))
        try container.encode(fraction, forKey: Key("fraction"))
    }
}

/// A payload to read; behind a `w` what is to be written: two numbers, then a name and a text on each line.
func fuzzPayloads(_ input: Input) {
    var rest = input
    if rest.byte() == UInt8(ascii: "w") { return write(rest) }
    let bytes = Array(input.rest)
    let theirs = try? JSONDecoder().decode(Sample.self, from: Data(bytes))
    if let flat = PayloadReader<Sample>.readFlat(bytes) {
        check(theirs?.words == flat.words, "read as \(flat.words), not \(theirs?.words ?? ["an error"])")
    }
    if let theirs { compare(theirs) }
}

private func write(_ input: Input) {
    var input = input
    var given = Given(
        fields: [], number: input.integer(), fraction: Double(bitPattern: UInt64(bitPattern: input.integer())))
    while !input.isEmpty, given.fields.count < 4 { given.fields.append((input.words(), input.words())) }
    compare(given)
}

private func compare(_ payload: some Encodable) {
    guard let flat = PayloadWriter.writeFlat(payload) else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let theirs = (try? encoder.encode(payload)).map { Array($0) }
    check(theirs == flat, "written as \(String(decoding: flat, as: UTF8.self)), not \(theirs ?? [])")
}
