// The bytes of one run, taken apart by a target as it needs them.

/// The bytes that libFuzzer made up; when they are used up, zeros and empty texts follow.
struct Input {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    /// All that is left, as text; what is no UTF-8 becomes replacement characters.
    var text: String { String(decoding: rest, as: UTF8.self) }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func bytes(_ count: Int) -> [UInt8] {
        let bytes = Array(rest.prefix(count))
        rest = rest.dropFirst(count)
        return bytes + [UInt8](repeating: 0, count: count - bytes.count)
    }

    mutating func integer() -> Int64 { bytes(8).reduce(0) { $0 << 8 | Int64($1) } }

    /// The bytes up to the next line end, which is left out.
    mutating func line() -> [UInt8] {
        let line = rest.prefix { $0 != 0x0A }
        rest = rest.dropFirst(line.count + 1)
        return Array(line)
    }

    /// The same as text.
    mutating func words() -> String { String(decoding: line(), as: UTF8.self) }

    /// What is left in pieces of 1 to `longest` bytes, whose lengths follow from `choice`.
    func pieces(_ choice: UInt8, longest: Int = 40) -> [[UInt8]] {
        var (pieces, rest, state): ([[UInt8]], ArraySlice<UInt8>, UInt32) = ([], rest, UInt32(choice))
        while !rest.isEmpty {
            state = state &* 1_664_525 &+ 1_013_904_223
            let length = 1 + Int(state >> 16) % longest
            pieces.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}
