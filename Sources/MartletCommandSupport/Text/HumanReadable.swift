// Formats numbers for people. Any value is accepted without trapping, since it may be external.

/// Formats sizes, percentages and durations.
package enum HumanReadable {
    /// `4.2 MiB`; empty for NaN.
    package static func bytes(_ count: Double) -> String {
        guard count.isFinite else { return "" }
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var value = max(0, count)
        var index = 0
        while value >= 1024, index < units.count - 1 {
            value /= 1024
            index += 1
        }
        guard value < 1_000_000 else { return "over 1000000 EiB" }
        return (index == 0 ? String(whole(value)) : tenths(value)) + " " + units[index]
    }

    /// `45.2%`; empty for NaN.
    package static func percent(_ value: Double) -> String {
        value.isNaN ? "" : tenths(min(max(value, 0), 100)) + "%"
    }

    /// `3d 4h`, `1h 5m`, `2m 3s` or `1.4s`; empty for NaN and for more than 30,000 years.
    package static func seconds(_ value: Double) -> String {
        guard value.isFinite, value < 1e12 else { return "" }
        if value < 9.95 { return tenths(max(0, value)) + "s" }
        let whole = whole(value.rounded())
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return "\(whole / 60)m \(whole % 60)s" }
        if whole < 48 * 3600 { return "\(whole / 3600)h \(whole % 3600 / 60)m" }
        return "\(whole / 86_400)d \(whole % 86_400 / 3600)h"
    }

    /// `1 queue`, `2 queues`.
    package static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    /// `12.3`.
    package static func tenths(_ value: Double) -> String {
        let tenths = whole((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// The integer part, clamped.
    package static func whole(_ value: Double) -> Int {
        Int(exactly: value.rounded(.towardZero)) ?? (value > 0 ? .max : value < 0 ? .min : 0)
    }
}
