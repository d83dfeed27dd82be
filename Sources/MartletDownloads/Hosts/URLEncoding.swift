// The percent-encoding of URLs that downloads use.

import MartletJobs

extension Percent {
    /// Minimal percent-encoding in upper case.
    static func normalized(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        let bytes = Array(text.utf8)
        var normal = ""
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let high = Hex.digit(bytes[index + 1]), let low = Hex.digit(bytes[index + 2])
            {
                let byte = high << 4 | low
                if isUnreserved(byte) {
                    normal.unicodeScalars.append(Unicode.Scalar(byte))
                } else {
                    normal += "%" + Hex.text(of: CollectionOfOne(byte), upperCase: true)
                }
                index += 3
            } else {
                normal.unicodeScalars.append(Unicode.Scalar(bytes[index]))
                index += 1
            }
        }
        return normal
    }

    /// The bytes that are allowed unencoded in a path or query; the caller handles percent signs.
    static func isTargetByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&")...UInt8(ascii: "/"), UInt8(ascii: ":"),
            UInt8(ascii: ";"), UInt8(ascii: "="), UInt8(ascii: "?"), UInt8(ascii: "@"):
            true
        default: isUnreserved(byte)
        }
    }
}
