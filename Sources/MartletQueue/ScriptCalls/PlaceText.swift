// Scores as the scripts write them: ms, with a fraction where several jobs share a ms.

import FoundationEssentials
import MartletRedis

extension Double {
    /// The number in the text of a score; `nil` for anything but digits with a sign and a fraction.
    init?(place text: some StringProtocol) {
        guard text.utf8.allSatisfy({ (48...57).contains($0) || $0 == 45 || $0 == 46 }), let number = Double(text),
            number.isFinite
        else { return nil }
        self = number
    }
}

extension Int {
    /// The ms of a score without its fraction, which only orders jobs of the same ms; `nil` for text that is not a
    /// time.
    init?(place text: some StringProtocol) {
        if let whole = Int(text) {
            self = whole
            return
        }
        guard let number = Double(place: text), abs(number) < 0x1p53 else { return nil }
        self = Int(number.rounded(.down))
    }
}

extension RedisValue {
    /// The ms of a position.
    var placeInMilliseconds: Int? { int ?? string.flatMap { Int(place: $0) } }
}

extension Date {
    /// The latest moment that RFC 3339 can write, in ms.
    private static let latestMilliseconds = 253_402_300_799_999.0

    /// The time as ms of Redis' clock, rounded up.
    ///
    /// Times outside the years 1970 to 9999 are clamped.
    var roundedUpMilliseconds: Int {
        let exact = (timeIntervalSince1970 * 1000).rounded(.up)
        return Int(exact.isNaN ? 0 : Swift.min(Swift.max(exact, 0), Self.latestMilliseconds))
    }
}
