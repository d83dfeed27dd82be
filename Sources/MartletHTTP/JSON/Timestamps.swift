// RFC 3339 timestamps, in UTC with milliseconds.

import FoundationEssentials
import MartletJSON

extension JSONOutput {
    /// A timestamp.
    static func time(_ date: Date) -> JSONOutput { .string(date.rfc3339) }
}

extension Date {
    /// The milliseconds of the years that RFC 3339 can represent, 0 to 9999.
    private static let calendar = -62_167_219_200_000...253_402_300_799_999

    /// `2026-01-31T12:00:00.250Z`; out of range dates are clamped.
    var rfc3339: String {
        let (first, last) = (Double(Self.calendar.lowerBound), Double(Self.calendar.upperBound))
        let milliseconds = Int(min(max((timeIntervalSince1970 * 1000).rounded(), first), last))
        let (days, rest) = (
            milliseconds.floored(86_400_000), milliseconds - milliseconds.floored(86_400_000) * 86_400_000
        )
        let (year, month, day) = Self.civil(days)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var at = 0
            func put(_ number: Int, width: Int, then separator: Unicode.Scalar) {
                var rest = number
                var place = at + width
                while place > at {
                    place -= 1
                    buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                }
                buffer[at + width] = UInt8(ascii: separator)
                at += width + 1
            }
            put(year, width: 4, then: "-")
            put(month, width: 2, then: "-")
            put(day, width: 2, then: "T")
            put(rest / 3_600_000, width: 2, then: ":")
            put(rest / 60_000 % 60, width: 2, then: ":")
            put(rest / 1000 % 60, width: 2, then: ".")
            put(rest % 1000, width: 3, then: "Z")
            return at
        }
    }

    /// Parses RFC 3339 with any offset; `nil` for anything else.
    init?(rfc3339 text: String) {
        // The pattern would accept digits of other scripts.
        guard text.utf8.allSatisfy({ $0 < 0x80 }),
            let match = text.wholeMatch(
                of: /(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)/)
        else { return nil }
        let numbers = [match.1, match.2, match.3, match.4, match.5, match.6].compactMap { Int($0) }
        guard numbers.count == 6, (1...12).contains(numbers[1]), (1...31).contains(numbers[2]), numbers[3] < 24,
            numbers[4] < 60, numbers[5] <= 60, let offset = Self.offset(String(match.8))
        else { return nil }
        let days = Self.days(numbers[0], numbers[1], numbers[2])
        guard Self.civil(days) == (numbers[0], numbers[1], numbers[2]) else { return nil }
        let seconds = days * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5] - offset
        guard Self.calendar.contains(seconds * 1000) else { return nil }
        self.init(timeIntervalSince1970: Double(seconds) + (match.7.flatMap { Double("0" + $0) } ?? 0))
    }

    private static func offset(_ zone: String) -> Int? {
        guard zone.uppercased() != "Z" else { return 0 }
        let parts = zone.dropFirst().split(separator: ":").compactMap { Int($0) }
        guard parts.count == 2, parts[0] < 24, parts[1] < 60 else { return nil }
        return (zone.hasPrefix("-") ? -1 : 1) * (parts[0] * 3600 + parts[1] * 60)
    }

    // Howard Hinnant's algorithm for Gregorian dates, with years that begin in March.
    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted.floored(146_097)
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civilMonth = month < 10 ? month + 3 : month - 9
        return (year + era * 400 + (civilMonth <= 2 ? 1 : 0), civilMonth, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floored(400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int {
    fileprivate func floored(_ divisor: Int) -> Int {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
