// A minimal connection to Redis, so that what is measured beside it does not share the cost of Martlet's client.

import FoundationEssentials
import MartletCommandSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A blocking connection to Redis for one thread.
final class RawRedis {
    /// A reply; errors are thrown instead.
    enum Reply: Equatable {
        case null
        case integer(Int)
        case text(String)
        case array([Reply])

        var text: String? { if case .text(let text) = self { text } else { nil } }
        var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    }

    private let socket: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)
    private var filled = 0
    private var position = 0

    /// Connects, logs in and chooses the database.
    init(_ address: RedisAddress) throws {
        socket = try RawSocket.open(address)
        if let password = address.password {
            _ = try command(address.user.map { ["AUTH", $0, password] } ?? ["AUTH", password])
        }
        if address.database != 0 { _ = try command(["SELECT", String(address.database)]) }
    }

    deinit { close(socket) }

    /// Sends one command and waits for its reply.
    func command(_ words: [String]) throws -> Reply {
        var bytes: [UInt8] = []
        Self.append(words.map { Array($0.utf8) }, to: &bytes)
        try send(bytes)
        return try reply()
    }

    /// Sends bytes that are commands already.
    func send(_ bytes: [UInt8]) throws { try RawSocket.send(bytes, to: socket) }

    /// Waits for the next reply.
    func reply() throws -> Reply {
        let line = try nextLine()
        let rest = String(decoding: line.dropFirst(), as: UTF8.self)
        switch line.first {
        case UInt8(ascii: "+"): return .text(rest)
        case UInt8(ascii: ":"): return .integer(Int(rest) ?? 0)
        case UInt8(ascii: "$"):
            guard let count = Int(rest), count >= 0 else { return .null }
            return .text(String(decoding: try next(count + 2).dropLast(2), as: UTF8.self))
        case UInt8(ascii: "*"):
            guard let count = Int(rest), count >= 0 else { return .null }
            return .array(try (0..<count).map { _ in try reply() })
        default: throw CommandFailure(.failed, "Redis answered: \(rest)")
        }
    }

    /// Sends all commands at once, reads replies until the last one has arrived, and returns the seconds that this
    /// took.
    ///
    /// An `ECHO` at the end marks the end of the replies, so that they need not be parsed one by one.
    func pipeline(_ commands: [UInt8]) throws -> Double {
        let mark = Array("end-\(UInt64.random(in: .min ... .max))\r\n".utf8)
        var bytes = commands
        Self.append([Array("ECHO".utf8), Array(mark.dropLast(2))], to: &bytes)
        let start = BenchClock.now
        var sent = 0
        var tail: [UInt8] = []
        while tail != mark {
            let isReadable = try RawSocket.wait(for: socket, orToWrite: sent < bytes.count)
            if sent < bytes.count { sent += try RawSocket.sendSome(bytes, from: sent, to: socket) }
            guard isReadable else { continue }
            let count = try RawSocket.receive(from: socket, into: &buffer, at: 0)
            if tail.isEmpty, buffer[0] == UInt8(ascii: "-") {
                let answer = String(decoding: buffer[..<min(count, 200)], as: UTF8.self)
                throw CommandFailure(.failed, "Redis answered: \(answer)")
            }
            tail = Array((tail + buffer[max(0, count - mark.count)..<count]).suffix(mark.count))
        }
        return BenchClock.now - start
    }

    /// Appends a command in the form in which Redis reads it.
    static func append(_ words: [[UInt8]], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "*\(words.count)\r\n".utf8)
        for word in words {
            bytes.append(contentsOf: "$\(word.count)\r\n".utf8)
            bytes.append(contentsOf: word)
            bytes.append(13)
            bytes.append(10)
        }
    }
}

// MARK: - Reading

extension RawRedis {
    /// The bytes up to the next line end, without it.
    private func nextLine() throws -> [UInt8] {
        var search = position
        while true {
            if let end = buffer[search..<filled].firstIndex(of: 13), end + 1 < filled {
                defer { position = end + 2 }
                return Array(buffer[position..<end])
            }
            let offset = filled - position
            try fill()
            search = max(position, position + offset - 1)
        }
    }

    private func next(_ count: Int) throws -> [UInt8] {
        while filled - position < count { try fill() }
        defer { position += count }
        return Array(buffer[position..<position + count])
    }

    /// Reads more; what was taken already makes room for it.
    private func fill() throws {
        if position > 0 {
            buffer.replaceSubrange(0..<filled - position, with: Array(buffer[position..<filled]))
            (filled, position) = (filled - position, 0)
        }
        if filled == buffer.count { buffer += [UInt8](repeating: 0, count: buffer.count) }
        filled += try RawSocket.receive(from: socket, into: &buffer, at: filled)
    }
}
