// Reads values of options and arguments by the rules of the API, so that a wrong one is refused before anything is sent.

import ArgumentParser
import MartletHTTP
import MartletJSON
import MartletQueue

extension ValueRule {
    /// The value of an option that is a text.
    func text(_ text: String) throws -> String {
        try check(.string(text))
        return text
    }

    /// The value of an option that is a whole number.
    func integer(_ text: String) throws -> Int {
        guard let number = Int(text) else {
            // A number of another kind is shown as it is, a word is none.
            try check(Double(text).flatMap { $0.isFinite ? .number($0) : nil } ?? .string(text))
            throw ValidationError("must be a whole number")
        }
        try check(.integer(number))
        return number
    }

    /// The value of an option that is a duration.
    func time(_ text: String) throws -> TimeSpan {
        guard let time = TimeSpan(argument: text) else {
            throw ValidationError("must be seconds, or have a unit as 500ms, 90s, 5m, 1h30m or 2d")
        }
        try check(time.json)
        return time
    }

    /// The value of an option that is a number of bytes.
    func size(_ text: String) throws -> ByteCount {
        guard let size = ByteCount(argument: text) else {
            throw ValidationError("must be bytes, or have a unit as 500KiB, 10MiB or 2GB")
        }
        try check(size.json)
        return size
    }

    /// The value of an option that is a retry policy.
    func backoff(_ text: String) throws -> BackoffOption {
        guard let backoff = BackoffOption(argument: text) else {
            throw ValidationError("must be like base=1s,factor=2,cap=1h,jitter=0.1")
        }
        try check(backoff.json)
        return backoff
    }

    /// Throws a usage error for a wrong value.
    ///
    /// - Parameter name: the option, where the parser does not name it.
    func check(_ value: JSONValue, of name: String? = nil) throws {
        guard let fault = fault(in: value) else { return }
        throw ValidationError([name, fault].compactMap(\.self).joined(separator: ": "))
    }
}

extension QueueName {
    /// The value of an option that names a queue.
    init(option text: String) throws {
        guard let name = QueueName(text) else { throw ValidationError(QueueName.rule) }
        self = name
    }
}
