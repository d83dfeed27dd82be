// Numbers as people read them.

/// Sizes, shares and times in words.
enum Humane {
    /// `4.2 MiB`.
    static func bytes(_ count: Double) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
        var value = max(0, count)
        var index = 0
        while value >= 1024, index < units.count - 1 {
            value /= 1024
            index += 1
        }
        return (index == 0 ? String(Int(value)) : tenths(value)) + " " + units[index]
    }

    /// `45.2%`.
    static func percent(_ value: Double) -> String { tenths(min(max(value, 0), 100)) + "%" }

    /// `1h 5m`, `2m 3s` or `1.4s`.
    static func seconds(_ value: Double) -> String {
        guard value.isFinite, value < 1e12 else { return "" }
        if value < 10 { return tenths(max(0, value)) + "s" }
        let whole = Int(value.rounded())
        if whole < 60 { return "\(whole)s" }
        if whole < 3600 { return "\(whole / 60)m \(whole % 60)s" }
        return "\(whole / 3600)h \(whole % 3600 / 60)m"
    }

    /// With one digit after the point.
    private static func tenths(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
