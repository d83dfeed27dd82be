// The arguments of a command, stored in wire format.

/// The arguments of a Redis command.
///
/// The list is one buffer of RESP bulk strings: appending encodes in place without allocating per argument, and sending
/// copies the buffer.
///
/// ```swift
/// var arguments = RedisArguments("HSET", "user:1")
/// arguments.append("visits")
/// arguments.append(42)
/// let request = RedisRequest.command(arguments)
/// ```
public struct RedisArguments: Sendable, Hashable {
    /// The number of arguments.
    public private(set) var count = 0

    /// The arguments as consecutive RESP bulk strings.
    private(set) var encoded: [UInt8] = []

    /// Creates an empty list.
    public init() {}

    /// Creates a list of words.
    ///
    /// - Parameter words: the arguments, in order.
    public init(_ words: String...) {
        for word in words { append(word) }
    }

    /// The length of the encoded list in bytes.
    public var byteCount: Int { encoded.count }

    /// Reserves space for more encoded arguments.
    ///
    /// - Parameter bytes: the additional bytes; each argument takes its length and up to 15 bytes more.
    public mutating func reserveCapacity(_ bytes: Int) {
        encoded.reserveCapacity(encoded.count + bytes)
    }

    /// Appends a string as UTF-8.
    ///
    /// - Parameter text: the argument.
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { unsafe appendBulk($0) }
    }

    /// Appends a number in decimal.
    ///
    /// - Parameter number: the argument.
    public mutating func append(_ number: Int) {
        appendHeader(Self.decimalWidth(of: number))
        if number < 0 { encoded.append(UInt8(ascii: "-")) }
        appendDigits(number.magnitude)
        appendLineEnd()
        count += 1
    }

    /// Appends raw bytes.
    ///
    /// - Parameter bytes: the argument.
    public mutating func append(_ bytes: [UInt8]) {
        appendHeader(bytes.count)
        encoded.append(contentsOf: bytes)
        appendLineEnd()
        count += 1
    }

    /// Appends all arguments of another list.
    ///
    /// - Parameter other: the list.
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

    /// The number of decimal characters of `number`, including the sign.
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
