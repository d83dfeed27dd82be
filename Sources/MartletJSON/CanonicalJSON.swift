// Canonical JSON: one text for every spelling of a value, produced in one pass.

extension JSONText {
    /// The canonical text: no whitespace, sorted keys, uniform escapes.
    package var canonical: [UInt8] { canonical(nil) }

    /// The canonical text without members that have no effect in a request of this shape.
    package func canonical(_ shape: JSONShape?) -> [UInt8] {
        var writer = CanonicalWriter(scanner)
        writer.writeValue(shape)
        return writer.bytes
    }
}

/// Copies a validated value.
///
/// Each byte is read once at any depth, and arrays allocate nothing.
private struct CanonicalWriter {
    private struct Member {
        var key: String
        var index: Int
        /// The value's range in the output.
        var value: Range<Int>

        /// Compares bytes: Swift treats two encodings of a character as equal, JSON does not.
        static func precedes(_ left: Member, _ right: Member) -> Bool {
            if left.key.utf8.elementsEqual(right.key.utf8) { return left.index < right.index }
            return left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
        }
    }

    private var scanner: JSONScanner
    private(set) var bytes: [UInt8] = []

    /// Creates a writer at the scanner's position.
    init(_ scanner: JSONScanner) { self.scanner = scanner }

    mutating func writeValue(_ shape: JSONShape?) {
        scanner.skipSpace()
        switch scanner.byte {
        case UInt8(ascii: "["): writeArray(shape)
        case UInt8(ascii: "{"): writeObject(shape)
        default: writeScalar()
        }
    }

    private mutating func writeArray(_ shape: JSONShape?) {
        bytes.append(UInt8(ascii: "["))
        scanner.at += 1
        var isFirst = true
        while !isAtEnd(UInt8(ascii: "]")) {
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            writeValue(shape)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    private mutating func writeObject(_ shape: JSONShape?) {
        let start = bytes.count
        scanner.at += 1
        var members: [Member] = []
        while !isAtEnd(UInt8(ascii: "}")), let key = JSONText.nextKey(&scanner) {
            let value = bytes.count
            writeValue(shape?.nested[key])
            if let text = shape?.readings[key]?(bytes[value...]) {
                bytes.replaceSubrange(value..., with: text.utf8)
            }
            if shape?.isOmitted(key, bytes[value...]) ?? false {
                bytes.removeSubrange(value...)
            } else {
                members.append(Member(key: key, index: members.count, value: value..<bytes.count))
            }
        }
        members.sort(by: Member.precedes)
        let values = Array(bytes[start...])
        bytes.removeSubrange(start...)
        bytes.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONOutput.append(member.key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            bytes += values[(member.value.lowerBound - start)..<(member.value.upperBound - start)]
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func writeScalar() {
        let start = scanner.at
        // The text was validated, so this cannot throw.
        guard (try? scanner.skipValue()) != nil else { return }
        let isString = scanner.source[start] == UInt8(ascii: "\"")
        guard isString else {
            bytes += scanner.source[start..<scanner.at]
            return
        }
        JSONOutput.append(JSONText.unescaped(scanner.source[(start + 1)..<(scanner.at - 1)]), to: &bytes)
    }

    /// Skips the end of a container (true), or moves to its next element (false).
    private mutating func isAtEnd(_ closing: UInt8) -> Bool {
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: ",") {
            scanner.at += 1
            scanner.skipSpace()
        }
        // An unvalidated text could end here; continuing would loop forever.
        guard scanner.byte != closing, scanner.byte != nil else {
            scanner.at += 1
            return true
        }
        return false
    }
}
