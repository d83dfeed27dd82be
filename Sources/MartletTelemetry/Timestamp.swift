// Timestamps in logs: RFC 3339, UTC, milliseconds.

import FoundationEssentials

/// Times in the form `2026-02-03T04:05:06.789Z`.
enum Timestamp {
    /// The current time.
    static func now() -> String { text(milliseconds: Int64((Date().timeIntervalSince1970 * 1000).rounded(.down))) }

    /// Formats milliseconds since 1970 without a formatter, since every line needs it.
    static func text(milliseconds: Int64) -> String {
        let (days, inDay) = floored(milliseconds, by: 86_400_000)
        let (year, month, day) = date(days: days)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var at = 0
            func put(_ number: Int64, width: Int, then separator: Unicode.Scalar) {
                var rest = number
                for place in stride(from: at + width - 1, through: at, by: -1) {
                    buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                buffer[at + width] = UInt8(ascii: separator)
                at += width + 1
            }
            // RFC 3339 years have four digits.
            put(min(max(year, 0), 9999), width: 4, then: "-")
            put(month, width: 2, then: "-")
            put(day, width: 2, then: "T")
            put(inDay / 3_600_000, width: 2, then: ":")
            put(inDay / 60_000 % 60, width: 2, then: ":")
            put(inDay / 1000 % 60, width: 2, then: ".")
            put(inDay % 1000, width: 3, then: "Z")
            return at
        }
    }

    /// The Gregorian date of a day since 1970, by eras of 400 years that begin in March.
    private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = floored(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
    }

    private static func floored(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
