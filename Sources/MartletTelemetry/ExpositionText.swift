// The rules of the Prometheus text format 0.0.4: names, labels, escapes, numbers.

/// Writes names, labels and values in the text format.
enum ExpositionText {
    /// A metric name of `[a-zA-Z_:][a-zA-Z0-9_:]*`; every other character becomes an underscore.
    static func metricName(_ label: String) -> String { name(label, allowingColon: true) }

    /// A label name of `[a-zA-Z_][a-zA-Z0-9_]*` that the format does not reserve.
    static func labelName(_ label: String) -> String {
        let cleaned = name(label, allowingColon: false)
        if cleaned == "le" || cleaned == "quantile" { return cleaned + "_" }
        // Prometheus reserves names with two leading underscores.
        return cleaned.hasPrefix("__") ? "label" + cleaned : cleaned
    }

    private static func name(_ label: String, allowingColon: Bool) -> String {
        var bytes = label.utf8.map { byte in isWord(byte, allowingColon: allowingColon) ? byte : UInt8(ascii: "_") }
        if bytes.first.map({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) ?? true {
            bytes.insert(UInt8(ascii: "_"), at: 0)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isWord(_ byte: UInt8, allowingColon: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        case UInt8(ascii: ":"): allowingColon
        default: false
        }
    }

    /// The text between the braces, labels sorted by name; the last of a repeated name is kept.
    static func labels(_ dimensions: [(String, String)]) -> String {
        guard !dimensions.isEmpty else { return "" }
        var byName: [String: String] = [:]
        for (name, value) in dimensions { byName[labelName(name)] = value }
        return byName.sorted { $0.key < $1.key }
            .map { "\($0.key)=\"\(escaped($0.value, quotes: true))\"" }
            .joined(separator: ",")
    }

    /// Escapes backslashes and line ends, and quotes inside quoted text.
    static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// A number in the text format, whole numbers without a fraction.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == value.rounded(), abs(value) < 9_007_199_254_740_992 { return String(Int64(value)) }
        return "\(value)"
    }

    /// One line of a series; `labels` is the text between the braces.
    static func line(_ name: String, labels: String, value: String) -> String {
        labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }
}
