// Fuzzes events: the stream as a client reads it, places in it, and the entries that the scripts write.

import FoundationEssentials
import MartletJSON
import MartletJobs

@testable import MartletCLI
@testable import MartletHTTP
@testable import MartletQueue
@testable import MartletRedis

/// A byte for the cuts and a line for a place; then pairs of lines of an entry, and all of it as a stream.
func fuzzEvents(_ input: Input) {
    var input = input
    let choice = input.byte()
    checkStream(input, choice)
    checkPosition(input.words())
    checkEntry(input)
}

/// However a stream is cut, the same messages come.
private func checkStream(_ input: Input, _ choice: UInt8) {
    var (one, other) = (StreamParser(), StreamParser())
    let whole = one.take(input.rest)
    let cut = input.pieces(choice).flatMap { other.take($0) }
    check(whole == cut, "cut into pieces \(whole) became \(cut)")
    for message in whole {
        check(!(message.id ?? "").contains("\n") && !message.event.contains("\n"), "a field of two lines: \(message)")
    }
}

private func checkPosition(_ text: String) {
    guard let position = EventPosition(text) else { return }
    check(EventPosition(position.description) == position, "\(text) is written as \(position), another place")
}

/// Whatever an entry has in it, its events are shown as JSON, on one line each, and read back by the client.
private func checkEntry(_ input: Input) {
    var (input, words): (Input, [RedisValue]) = (input, [])
    while !input.isEmpty, words.count < 200 { words += [.bytes(input.line()), .bytes(input.line())] }
    let id = RedisValue.bytes(Array("1700000000000-1".utf8))
    guard let entry = EventEntry(.array([id, .array(words)]), of: .default) else { return }
    var stream = ServerSentEvents()
    for event in entry.events {
        checkJSON(JSONOutput.cloudEvent(event))
        check(event.mark < entry.end, "an event behind the end of its entry")
        stream.event(event, at: EventPosition(floor: 1, marks: [.default: event.mark]))
    }
    var parser = StreamParser()
    let messages = parser.take(stream.bytes)
    check(messages.count == entry.events.count, "\(entry.events.count) events became \(messages.count) messages")
    for (message, event) in zip(messages, entry.events) {
        check(message.event == event.cloudType, "\(event.cloudType) became \(message.event)")
        check(
            message.data == String(decoding: JSONOutput.cloudEvent(event).bytes, as: UTF8.self),
            "the data of an event are others")
    }
}
