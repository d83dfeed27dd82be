// Where a bar ends: linear scales, and logarithmic ones where short bars could not be told apart.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where values stand between 0 and 1.
struct BarScale: Sendable, Equatable {
    /// Beyond this ratio of the largest to the smallest value short bars could not be told apart.
    private static let linearLimit = 60.0

    let isLogarithmic: Bool
    private let low: Double
    private let high: Double
    /// The values that have a line.
    let ticks: [Double]

    /// A scale on which all of these values can be seen.
    init(_ values: [Double]) {
        let positive = values.filter { $0 > 0 && $0.isFinite }
        let largest = positive.max() ?? 1
        let smallest = positive.min() ?? 1
        isLogarithmic = largest / smallest > Self.linearLimit
        if isLogarithmic {
            // Half a decade below the smallest one, so that it has a bar too.
            let first = Self.power(below: smallest / 2)
            var decades = [first]
            while let last = decades.last, last < largest { decades.append(last * 10) }
            (low, high, ticks) = (first, max(largest * 1.02, first * 10), decades.filter { $0 <= largest * 1.02 })
        } else {
            let step = Self.step(largest)
            (low, high) = (0, largest * 1.02)
            ticks = (0...5).map { Double($0) * step }.filter { $0 <= largest * 1.02 }
        }
    }

    /// Between 0 and 1.
    func position(_ value: Double) -> Double {
        let share = isLogarithmic ? log10(max(value, low) / low) / log10(high / low) : value / high
        return min(max(share, 0), 1)
    }

    /// The power of ten that is at most `value`.
    private static func power(below value: Double) -> Double {
        var power = 1.0
        while power > value { power /= 10 }
        while power * 10 <= value { power *= 10 }
        return power
    }

    /// A round number that goes at most five times into `largest`.
    private static func step(_ largest: Double) -> Double {
        let power = Self.power(below: largest / 5)
        return [1, 2, 2.5, 5, 10].map { $0 * power }.first { largest / $0 <= 5 } ?? power * 10
    }
}
