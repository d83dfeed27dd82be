// A command's arguments, kept as the bytes that will go over the wire.

/// A flat list of arguments of a Redis command.
///
/// The list is one buffer of RESP bulk strings: appending encodes at once and allocates nothing for an argument of its
/// own, and sending copies the buffer as it stands.
public struct RedisArguments: Sendable, Hashable {
    /// How many arguments there are.
    public private(set) var count = 0

    /// The arguments as RESP bulk strings, one after another.
    private(set) var encoded: [UInt8] = []

    /// An empty list.
    public init() {}

    /// A list of `words`, in this order.
    public init(_ words: String...) {
        for word in words { append(word) }
    }

    /// The length of the encoded list, in bytes.
    public var byteCount: Int { encoded.count }

    /// Makes room for `bytes` more bytes of encoded arguments.
    ///
    /// An argument takes its own length and up to 15 bytes more.
    public mutating func reserveCapacity(_ bytes: Int) {
        encoded.reserveCapacity(encoded.count + bytes)
    }

    /// Appends `text` as UTF-8.
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { unsafe appendBulk($0) }
    }

    /// Appends `number` in decimal digits.
    public mutating func append(_ number: Int) {
        appendHeader(Self.decimalWidth(of: number))
        if number < 0 { encoded.append(UInt8(ascii: "-")) }
        appendDigits(number.magnitude)
        appendLineEnd()
        count += 1
    }

    /// Appends `bytes` as they are.
    public mutating func append(_ bytes: [UInt8]) {
        appendHeader(bytes.count)
        encoded.append(contentsOf: bytes)
        appendLineEnd()
        count += 1
    }

    /// Appends all arguments of `other`.
    public mutating func append(contentsOf other: RedisArguments) {
        encoded.append(contentsOf: other.encoded)
        count += other.count
    }

    private mutating func appendBulk(_ bytes: UnsafeBufferPointer<UInt8>) {
        appendHeader(bytes.count)
        unsafe encoded.append(contentsOf: bytes)
        appendLineEnd()
        count += 1
    }

    private mutating func appendHeader(_ length: Int) {
        encoded.append(UInt8(ascii: "$"))
        appendDigits(length.magnitude)
        appendLineEnd()
    }

    private mutating func appendLineEnd() {
        encoded.append(UInt8(ascii: "\r"))
        encoded.append(UInt8(ascii: "\n"))
    }

    private mutating func appendDigits(_ number: UInt) {
        if number >= 10 { appendDigits(number / 10) }
        encoded.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// The number of characters of `number` in decimal, with its sign.
    static func decimalWidth(of number: Int) -> Int {
        var width = number < 0 ? 2 : 1
        var rest = number.magnitude / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        return width
    }
}
