// The kinds of setting values: numbers in a range, sizes, durations, enumerations, texts.

import MartletCommandSupport

extension Setting where Value == Int {
    /// An integer in a range.
    static func number(_ name: String, _ fallback: Int, in range: ClosedRange<Int>, meaning: String) -> Self {
        Setting(
            name, fallback: fallback, shownAs: String(fallback),
            must: "a whole number from \(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text in
            guard let number = Int(text), range.contains(number) else { throw InvalidValue() }
            return number
        }
    }

    /// A number of bytes, plain or with a unit such as `MiB`.
    static func size(_ name: String, _ fallback: Int, shownAs: String, meaning: String) -> Self {
        let limit = 1 << 50
        return Setting(
            name, fallback: fallback, shownAs: shownAs,
            must: "a whole number of bytes from 1 to \(limit), or a number with KiB, MiB, GiB or TiB", meaning: meaning
        ) { text in
            guard let number = Quantity.bytes(text), (1...limit).contains(number) else { throw InvalidValue() }
            return number
        }
    }
}

extension Setting where Value == Int? {
    /// An optional integer in a range; an empty text means absent.
    static func optionalNumber(_ name: String, in range: ClosedRange<Int>, meaning: String) -> Self {
        Setting(
            name, fallback: nil, shownAs: nil,
            must: "a whole number from \(range.lowerBound) to \(range.upperBound)", meaning: meaning
        ) { text in
            if text.isEmpty { return nil }
            guard let number = Int(text), range.contains(number) else { throw InvalidValue() }
            return number
        }
    }
}

extension Setting where Value == Duration {
    /// A duration in a range: a number of seconds, or with units such as `5m`.
    static func seconds(_ name: String, _ fallback: Int, in range: ClosedRange<Int>, meaning: String) -> Self {
        Setting(
            name, fallback: .seconds(fallback), shownAs: String(fallback),
            must:
                "a number of seconds from \(range.lowerBound) to \(range.upperBound), or a time such as 90s, 5m or 1h30m",
            meaning: meaning
        ) { text in
            guard let number = Quantity.seconds(text) else { throw InvalidValue() }
            guard number >= Double(range.lowerBound), number <= Double(range.upperBound) else { throw InvalidValue() }
            return .milliseconds(HumanReadable.whole((number * 1000).rounded()))
        }
    }
}

extension Setting where Value == Bool {
    /// A Boolean.
    static func flag(_ name: String, _ fallback: Bool, meaning: String) -> Self {
        Setting(name, fallback: fallback, shownAs: String(fallback), must: "true or false", meaning: meaning) { text in
            switch text.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: throw InvalidValue()
            }
        }
    }
}

extension Setting where Value == String {
    /// A text accepted by `isFit`.
    static func text(
        _ name: String, _ fallback: String, must expectation: String, meaning: String, isSecret: Bool = false,
        isFit: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Setting(
            name, fallback: fallback, shownAs: fallback, must: expectation, meaning: meaning, isSecret: isSecret
        ) { text in
            guard isFit(text) else { throw InvalidValue() }
            return text
        }
    }
}

extension Setting where Value == String? {
    /// An optional text; an empty one means absent.
    static func optionalText(
        _ name: String, must expectation: String, meaning: String,
        isFit: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> Self {
        Setting(name, fallback: nil, shownAs: nil, must: expectation, meaning: meaning) { text in
            if text.isEmpty { return nil }
            guard isFit(text) else { throw InvalidValue() }
            return text
        }
    }
}
