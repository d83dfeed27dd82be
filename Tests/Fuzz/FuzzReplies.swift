// Fuzzes the reader of Redis' replies: however bytes are cut they give the same values, and what was read can be written.

import NIOCore

@testable import MartletRedis

func fuzzReplies(_ input: Input) {
    var input = input
    let choice = input.byte()
    let whole = read([Array(input.rest)])
    let cut = read(input.pieces(choice))
    check(whole == cut, "cut into pieces \(whole) became \(cut)")
    let again = read([whole.values.reduce(into: []) { write($1, to: &$0) }])
    check(again == Reading(values: whole.values, isBroken: false), "\(whole.values) became \(again)")
    for value in whole.values { open(value) }
    readLimited(Array(input.rest), limit: 1 + Int(choice))
    writeRequest(input)
}

private struct Reading: Equatable {
    var values: [RedisValue] = []
    var isBroken = false
}

private func read(_ pieces: [[UInt8]]) -> Reading {
    var reading = Reading()
    do {
        let reader = try ReplyReader(maximumReplyBytes: 1 << 20)
        for piece in pieces { try reader.read(ByteBuffer(bytes: piece), into: &reading.values) }
    } catch { reading.isBroken = true }
    return reading
}

/// A value as a server would write it.
private func write(_ value: RedisValue, to bytes: inout [UInt8]) {
    switch value {
    case .null: bytes += "$-1\r\n".utf8
    case .integer(let number): bytes += ":\(number)\r\n".utf8
    case .bytes(let text): bytes += "$\(text.count)\r\n".utf8 + text + "\r\n".utf8
    case .error(let text): bytes += "-\(text)\r\n".utf8
    case .array(let elements):
        bytes += "*\(elements.count)\r\n".utf8
        for element in elements { write(element, to: &bytes) }
    }
}

/// Everything that is asked of a value once it is there.
private func open(_ value: RedisValue) {
    if let number = value.int { check(RedisValue.bytes(Array(String(number).utf8)).int == number, "\(number)") }
    if let text = value.string { check(Array(text.utf8) == value.bytes, "a text of other bytes") }
    for (name, _) in value.informationFields { check(!name.contains("\n"), "a field of two lines") }
    if case .error(let text) = value {
        let line = RedisError(reply: text).message
        check(line.count <= 400 && !line.contains(where: \.isNewline), "an error of several lines: \(line)")
    }
    value.array?.forEach(open)
}

/// Nothing beyond the limit is gathered, however slowly it comes.
private func readLimited(_ bytes: [UInt8], limit: Int) {
    guard let reader = try? ReplyReader(maximumReplyBytes: limit) else { return }
    var (replies, pending): ([RedisValue], Int) = ([], 0)
    for byte in bytes {
        let count = replies.count
        guard (try? reader.read(ByteBuffer(bytes: [byte]), into: &replies)) != nil else { break }
        pending = replies.count > count ? 0 : pending + 1
        check(pending <= limit, "\(pending) bytes are held, and \(limit) are the limit")
    }
    let count = replies.count
    let isDone = (try? reader.read(ByteBuffer(), into: &replies)) == nil
    check(replies.count == count, "a reply came of nothing, after an error: \(isDone)")
}

/// A request is an array of exactly the arguments that it was made of.
private func writeRequest(_ input: Input) {
    var (input, arguments, words): (Input, RedisArguments, [[UInt8]]) = (input, RedisArguments(), [])
    while !input.isEmpty, words.count < 100 {
        words.append(input.line())
        arguments.append(words[words.count - 1])
    }
    var buffer = ByteBuffer()
    buffer.writeRequest(.command(arguments))
    let reading = read([Array(buffer.readableBytesView)])
    check(reading == Reading(values: [.array(words.map { .bytes($0) })]), "\(words) became \(reading)")
}
