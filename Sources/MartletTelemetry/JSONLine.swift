// Builds one JSON object of bounded length, field by field.

import Logging

/// One line of JSON that is always closed and never exceeds the limit of a log line.
struct JSONLine {
    private static let end: [UInt8] = Array(",\"truncated\":true}\n".utf8)
    private static let depthLimit = 6
    private var bytes: [UInt8] = []
    private var isTruncated = false

    init() {
        bytes.reserveCapacity(512)
        bytes.append(UInt8(ascii: "{"))
    }

    /// The bytes left for fields.
    private var spaceLeft: Int { LogText.lineLimit - bytes.count - Self.end.count }

    /// Adds a string, truncated to `limit` bytes and to the bytes left.
    mutating func add(_ key: String, text: String, limit: Int = LogText.valueLimit) {
        let (start, spaceLeft) = (bytes.count, spaceLeft)
        appendHead(key)
        let available = min(limit, spaceLeft - (bytes.count - start) - 2)
        guard available >= LogText.ellipsis.count else {
            bytes.removeSubrange(start...)
            isTruncated = true
            return
        }
        bytes.append(UInt8(ascii: "\""))
        if !LogText.append(text, to: &bytes, limit: available, quotes: true) { isTruncated = true }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Adds a metadata field: strings are truncated, other values that do not fit are dropped.
    mutating func add(_ key: String, value: Logger.MetadataValue) {
        if case .string(let text) = value { return add(key, text: text) }
        let (start, spaceLeft) = (bytes.count, spaceLeft)
        appendHead(key)
        bytes += encoded(value, depth: 0)
        guard bytes.count - start > spaceLeft else { return }
        bytes.removeSubrange(start...)
        isTruncated = true
    }

    /// The finished line.
    func finished() -> [UInt8] {
        isTruncated ? bytes + Self.end : bytes + [UInt8(ascii: "}"), UInt8(ascii: "\n")]
    }

    /// Appends comma, key and colon; truncates a long key.
    private mutating func appendHead(_ key: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        _ = LogText.append(key, to: &bytes, limit: 256, quotes: true)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private func quoted(_ text: String, limit: Int = LogText.valueLimit) -> [UInt8] {
        [UInt8(ascii: "\"")] + LogText.escaped(text, limit: limit, quotes: true).bytes + [UInt8(ascii: "\"")]
    }

    private func encoded(_ value: Logger.MetadataValue, depth: Int) -> [UInt8] {
        // Deeply nested metadata must not overflow the stack.
        guard depth < Self.depthLimit else { return quoted("…") }
        switch value {
        case .string(let text): return quoted(text)
        case .stringConvertible(let thing): return encoded(thing)
        case .array(let items):
            let parts = items.map { encoded($0, depth: depth + 1) }
            return [UInt8(ascii: "[")] + Array(parts.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
        case .dictionary(let items):
            let parts = items.sorted { $0.key < $1.key }.map {
                quoted($0.key, limit: 256) + [UInt8(ascii: ":")] + encoded($0.value, depth: depth + 1)
            }
            return [UInt8(ascii: "{")] + Array(parts.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "}")]
        }
    }

    private func encoded(_ thing: any CustomStringConvertible) -> [UInt8] {
        switch thing {
        case let flag as Bool: Array(String(flag).utf8)
        case let number as any BinaryInteger: Array(String(describing: number).utf8)
        // JSON has no infinity or NaN.
        case let number as Double where number.isFinite: Array(String(describing: number).utf8)
        default: quoted(thing.description)
        }
    }
}
