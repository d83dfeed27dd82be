// The canonical form of a JSON value: one text for all ways of writing it, made in one pass.

extension JSONText {
    /// The value in one form for all ways of writing it: no space, keys sorted, characters escaped alike.
    var canonical: [UInt8] { canonical(nil) }

    /// The same without what says nothing in a request of this shape.
    func canonical(_ shape: RequestShape?) -> [UInt8] {
        var writer = CanonicalWriter(scanner)
        writer.writeValue(shape)
        return writer.bytes
    }
}

/// Copies a value whose form was checked.
///
/// Each byte is read once, however deep it stands, and nothing is built for arrays.
private struct CanonicalWriter {
    private struct Member {
        var key: String
        var index: Int
        /// Where the value stands in what is written.
        var value: Range<Int>

        /// By their bytes: to a String two spellings of one character are equal, to JSON they are two names.
        static func precedes(_ left: Member, _ right: Member) -> Bool {
            if left.key.utf8.elementsEqual(right.key.utf8) { return left.index < right.index }
            return left.key.utf8.lexicographicallyPrecedes(right.key.utf8)
        }
    }

    private var scanner: JSONScanner
    private(set) var bytes: [UInt8] = []

    /// A writer that begins where the scanner stands.
    init(_ scanner: JSONScanner) { self.scanner = scanner }

    mutating func writeValue(_ shape: RequestShape?) {
        scanner.skipSpace()
        switch scanner.byte {
        case UInt8(ascii: "["): writeArray(shape)
        case UInt8(ascii: "{"): writeObject(shape)
        default: writeScalar()
        }
    }

    private mutating func writeArray(_ shape: RequestShape?) {
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

    private mutating func writeObject(_ shape: RequestShape?) {
        let start = bytes.count
        scanner.at += 1
        var members: [Member] = []
        while !isAtEnd(UInt8(ascii: "}")), let key = JSONText.nextKey(&scanner) {
            let value = bytes.count
            writeValue(shape?.lists[key])
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
        // The text was checked as a whole, so a fault cannot come.
        guard (try? scanner.skipValue()) != nil else { return }
        let isString = scanner.source[start] == UInt8(ascii: "\"")
        guard isString else {
            bytes += scanner.source[start..<scanner.at]
            return
        }
        JSONOutput.append(JSONText.unescaped(scanner.source[(start + 1)..<(scanner.at - 1)]), to: &bytes)
    }

    /// Steps over the end of a container (true), or to its next element (false).
    private mutating func isAtEnd(_ closing: UInt8) -> Bool {
        scanner.skipSpace()
        if scanner.byte == UInt8(ascii: ",") {
            scanner.at += 1
            scanner.skipSpace()
        }
        // A text that ends here was never checked; to go on would never end.
        guard scanner.byte != closing, scanner.byte != nil else {
            scanner.at += 1
            return true
        }
        return false
    }
}
