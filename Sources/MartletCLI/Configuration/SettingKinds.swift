// The kinds of values that keys have: numbers with a range, sizes, times, words out of a list, texts.

extension Setting where Value == Int {
    /// A whole number in a range.
    static func number(_ name: String, _ fallback: Int, in range: ClosedRange<Int>, meaning: String) -> Self {
        Setting(
            name, fallback: fallback, shownAs: String(fallback),
            must: "a whole number from \(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text in
            guard let number = Int(text), range.contains(number) else { throw Unfit() }
            return number
        }
    }

    /// A number of bytes: plain, or with `KiB`, `MiB`, `GiB` or `TiB` behind it.
    static func size(_ name: String, _ fallback: Int, shownAs: String, meaning: String) -> Self {
        let limit = 1 << 50
        return Setting(
            name, fallback: fallback, shownAs: shownAs,
            must: "a whole number of bytes from 1 to \(limit), or a number with KiB, MiB, GiB or TiB", meaning: meaning
        ) { text in
            var digits = text[...]
            var factor = 1
            for (unit, shift) in [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)] where text.hasSuffix(unit) {
                digits = text.dropLast(unit.count)
                if digits.last == " " { digits = digits.dropLast() }
                factor = 1 << shift
            }
            guard let number = Int(digits), number >= 1, number <= limit / factor else { throw Unfit() }
            return number * factor
        }
    }
}

extension Setting where Value == Int? {
    /// A whole number in a range that may be absent; an empty text counts as absent.
    static func optionalNumber(_ name: String, in range: ClosedRange<Int>, meaning: String) -> Self {
        Setting(
            name, fallback: nil, shownAs: nil,
            must: "a whole number from \(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text in
            if text.isEmpty { return nil }
            guard let number = Int(text), range.contains(number) else { throw Unfit() }
            return number
        }
    }
}

extension Setting where Value == Duration {
    /// A number of seconds in a range, fractions allowed.
    static func seconds(_ name: String, _ fallback: Int, in range: ClosedRange<Int>, meaning: String) -> Self {
        Setting(
            name, fallback: .seconds(fallback), shownAs: String(fallback),
            must: "a number of seconds from \(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text in
            // Swift reads hexadecimal numbers, "inf" and "nan" too; people mean none of them here.
            let isPlain = text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
            }
            guard isPlain, let number = Double(text) else { throw Unfit() }
            guard number >= Double(range.lowerBound), number <= Double(range.upperBound) else { throw Unfit() }
            return .milliseconds(Int64((number * 1000).rounded()))
        }
    }
}

extension Setting where Value == Bool {
    /// Yes or no.
    static func flag(_ name: String, _ fallback: Bool, meaning: String) -> Self {
        Setting(name, fallback: fallback, shownAs: String(fallback), must: "true or false", meaning: meaning) { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: throw Unfit()
            }
        }
    }
}

extension Setting where Value == String {
    /// A text that `isFit` accepts.
    static func text(
        _ name: String, _ fallback: String, must expectation: String, meaning: String, isSecret: Bool = false,
        isFit: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Setting(
            name, fallback: fallback, shownAs: fallback, must: expectation, meaning: meaning, isSecret: isSecret
        ) { text in
            guard isFit(text) else { throw Unfit() }
            return text
        }
    }
}

extension Setting where Value == String? {
    /// A text that may be absent; an empty one counts as absent.
    static func optionalText(
        _ name: String, must expectation: String, meaning: String,
        isFit: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Self {
        Setting(name, fallback: nil, shownAs: nil, must: expectation, meaning: meaning) { text in
            if text.isEmpty { return nil }
            guard isFit(text) else { throw Unfit() }
            return text
        }
    }
}
