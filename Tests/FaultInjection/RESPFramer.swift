// Splits a byte stream into messages of Redis' protocol, in either direction.

import NIOCore

/// Splits a stream of bytes into complete RESP messages: requests on one side, replies on the other.
struct RESPFramer {
    /// The stream is not RESP.
    struct NotRESP: Error {}

    private var buffer = ByteBuffer()
    /// The number of parsed bytes of the message.
    private var seen = 0
    /// The number of missing values of the message; an array adds its elements.
    private var wanted = 1

    /// Appends received bytes.
    mutating func append(_ bytes: ByteBuffer) { buffer.writeImmutableBuffer(bytes) }

    /// The next complete message; `nil` while bytes are missing.
    mutating func next() throws -> ByteBuffer? {
        while wanted > 0 {
            guard let value = try nextValue() else { return nil }
            seen += value.bytes
            wanted += value.elements - 1
        }
        let message = buffer.readSlice(length: seen)
        (seen, wanted) = (0, 1)
        // Messages share the bytes, so nothing is moved; a new buffer releases them.
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        return message
    }

    /// The size of the value at the current position, and the number of its elements.
    private func nextValue() throws -> (bytes: Int, elements: Int)? {
        let start = buffer.readerIndex + seen
        guard let line = lineLength(from: start), let kind: UInt8 = buffer.getInteger(at: start) else { return nil }
        switch kind {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "_"), UInt8(ascii: "#"),
            UInt8(ascii: ","), UInt8(ascii: "("):
            return (line, 0)
        case UInt8(ascii: "$"), UInt8(ascii: "="), UInt8(ascii: "!"):
            let count = try number(start, line)
            guard count >= 0 else { return (line, 0) }
            let whole = line + count + 2
            return buffer.writerIndex - start >= whole ? (whole, 0) : nil
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"): return (line, max(0, try number(start, line)))
        case UInt8(ascii: "%"): return (line, 2 * max(0, try number(start, line)))
        default: throw NotRESP()
        }
    }

    /// The length of a line including its end.
    private func lineLength(from start: Int) -> Int? {
        guard start < buffer.writerIndex,
            let view = buffer.viewBytes(at: start, length: buffer.writerIndex - start),
            let end = view.firstIndex(of: UInt8(ascii: "\n"))
        else { return nil }
        return end - start + 1
    }

    private func number(_ start: Int, _ line: Int) throws -> Int {
        guard let text = buffer.getString(at: start + 1, length: line - 3), let number = Int(text) else {
            throw NotRESP()
        }
        return number
    }
}

/// A request, as far as rules need it.
struct RESPRequest {
    /// The complete message.
    let bytes: ByteBuffer
    /// The command in upper-case letters.
    let command: String

    /// Reads the first word of an array of strings.
    init(_ bytes: ByteBuffer) {
        self.bytes = bytes
        var rest = bytes
        var lines: [String] = []
        while lines.count < 3, let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
            let line = rest.readString(length: end - rest.readerIndex + 1)
        {
            lines.append(String(line.dropLast(1)))
        }
        command = lines.count == 3 ? lines[2].uppercased() : ""
    }

    /// Whether it contains these bytes.
    func contains(_ marker: [UInt8]) -> Bool { bytes.readableBytesView.contains(marker) }
}
