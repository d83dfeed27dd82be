// Sizes and durations with or without units, for settings and options.

import ArgumentParser
import MartletCommandSupport
import MartletJSON

/// Parses sizes and durations.
enum Quantity {
    /// A number of bytes, plain or with `KiB`, `MiB`, `GiB`, `TiB` or `kB`, `MB`, `GB`, `TB`.
    ///
    /// - Returns: 0 to 2^62; `nil` for other texts.
    static func bytes(_ text: String) -> Int? {
        let units: [(String, Double)] = [
            ("KiB", 0x1p10), ("MiB", 0x1p20), ("GiB", 0x1p30), ("TiB", 0x1p40),
            ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12),
        ]
        let (digits, unit) = split(text)
        if unit.isEmpty || unit == "B" { return Int(digits).flatMap { $0 >= 0 ? $0 : nil } }
        guard let factor = units.first(where: { $0.0 == unit })?.1, let number = decimal(digits) else { return nil }
        let bytes = (number * factor).rounded()
        return bytes <= 0x1p62 ? Int(exactly: bytes) : nil
    }

    /// A duration in seconds: a plain number, or numbers with `ms`, `s`, `m`, `h` or `d`, such as `1h30m`.
    ///
    /// - Returns: at least 0; `nil` for other texts.
    static func seconds(_ text: String) -> Double? {
        if let number = decimal(text) { return number }
        let units = ["ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400]
        var rest = text.replacing(" ", with: "")[...]
        var sum = 0.0
        var last = Double.infinity
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = decimal(String(digits)), let factor = units[String(unit)], factor < last else {
                return nil
            }
            sum += number * factor
            last = factor
        }
        return last.isFinite ? sum : nil
    }

    /// Digits and at most one point; Swift would also parse hexadecimal numbers, "inf" and "nan".
    private static func decimal(_ text: String) -> Double? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }) else {
            return nil
        }
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// The digits and the unit after them.
    private static func split(_ text: String) -> (digits: String, unit: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        return (String(digits), String(text.dropFirst(digits.count).drop { $0 == " " }))
    }
}

/// A number of bytes on the command line.
struct ByteCount: ExpressibleByArgument, Sendable, Equatable {
    var bytes: Int

    init?(argument: String) {
        guard let bytes = Quantity.bytes(argument) else { return nil }
        self.bytes = bytes
    }

    /// The number of bytes for the server.
    var json: JSONValue { .integer(bytes) }
}

/// A duration on the command line.
struct TimeSpan: ExpressibleByArgument, Sendable, Equatable {
    var seconds: Double

    init(seconds: Double) { self.seconds = seconds }

    init?(argument: String) {
        guard let seconds = Quantity.seconds(argument) else { return nil }
        self.seconds = seconds
    }

    /// The number of seconds for the server.
    var json: JSONValue { .number(seconds) }

    var defaultValueDescription: String { HumanReadable.seconds(seconds) }
}
