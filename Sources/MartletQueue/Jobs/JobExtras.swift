// The optional fields of a job beyond type and payload, listed once for writing, checking and digesting.

import Crypto
import MartletJobs
import MartletRedis

extension NewJob {
    /// Passes to `reader` every field of the job, beyond id, type and payload, that differs from its default.
    ///
    /// Fields missing here are neither sent nor stored. Every push passes through this function, so values are computed
    /// only when needed.
    @inline(__always)
    private func showExtras(_ reader: inout some ExtraReader) {
        if priority != 0 { reader.read(priority: priority) }
        if delay != .zero || runAt != nil { reader.read(wait: waitWord) }
        if maxRetries != JobRecord.defaultMaxRetries { reader.read(.maxRetries, .number(maxRetries)) }
        if let retryPolicy, retryPolicy != .standard { reader.read(.retryPolicy, .text(retryPolicy.stored)) }
        if let timeout { reader.read(.timeout, .number(timeout.inMilliseconds)) }
        if let uniqueKey { reader.read(.uniqueKey, .text(uniqueKey)) }
        if let digest { reader.read(.digest, .text(digest)) }
        if !tags.isEmpty { reader.read(.tags, .text(tags.joined(separator: "\n"))) }
        if let metadata { reader.read(.metadata, .bytes(metadata.json)) }
        if let owner { reader.read(.owner, .text(owner)) }
        if !limits.isEmpty { reader.read(.limits, .text(LimitKey.stored(limits))) }
        if let trace { reader.read(.trace, .text(trace.stored)) }
    }

    /// Whether the job has only a type and a payload, so that nothing else is sent and stored.
    var isPlain: Bool {
        var reader = ExtraDetector()
        showExtras(&reader)
        return !reader.hasFound
    }

    /// Appends a run of one job with extra fields, in the form that the script `enqueue` reads.
    func appendAlone(to arguments: inout RedisArguments) {
        var extras = ExtraWriter()
        showExtras(&extras)
        arguments.append("\(extras.priority) \(extras.wait) \(extras.fields.count)")
        arguments.append(type)
        arguments.append(id.description)
        arguments.append(payload)
        arguments.append(contentsOf: extras.fields)
    }
}

extension NewJob {
    /// The digest of the request: equal for equal requests, whoever sends them.
    ///
    /// It covers everything that is sent and stored, because it walks the same list, except for the trace context: a
    /// repeat of a push comes from another span.
    ///
    /// - Returns: the digest as text.
    public func requestDigest() -> String {
        var reader = ExtraDigester()
        reader.add(type.utf8)
        reader.add(payload)
        showExtras(&reader)
        return reader.digest
    }
}

/// The value of an extra field.
private enum ExtraValue {
    case number(Int)
    case text(String)
    case bytes([UInt8])
}

/// Receives the extra fields of a job.
private protocol ExtraReader {
    mutating func read(priority: Int)
    mutating func read(wait: @autoclosure () -> String)
    mutating func read(_ field: JobField, _ value: @autoclosure () -> ExtraValue)
}

/// Detects whether there are extra fields.
private struct ExtraDetector: ExtraReader {
    private(set) var hasFound = false

    mutating func read(priority: Int) { hasFound = true }
    mutating func read(wait: @autoclosure () -> String) { hasFound = true }
    mutating func read(_ field: JobField, _ value: @autoclosure () -> ExtraValue) { hasFound = true }
}

/// Writes extra fields as names and values, and what the script needs to place the job.
private struct ExtraWriter: ExtraReader {
    private(set) var priority = 0
    private(set) var wait = "0"
    private(set) var fields = RedisArguments()

    mutating func read(priority: Int) {
        self.priority = priority
        read(.priority, .number(priority))
    }

    mutating func read(wait: @autoclosure () -> String) { self.wait = wait() }

    mutating func read(_ field: JobField, _ value: @autoclosure () -> ExtraValue) {
        fields.append(field.rawValue)
        switch value() {
        case .number(let number): fields.append(number)
        case .text(let text): fields.append(text)
        case .bytes(let bytes): fields.append(bytes)
        }
    }
}

/// Collects the bytes that are digested, each field with its name; the digest itself and the trace context are no part of
/// them.
private struct ExtraDigester: ExtraReader {
    private var bytes: [UInt8] = []

    mutating func read(priority: Int) { read(.priority, .number(priority)) }

    mutating func read(wait: @autoclosure () -> String) {
        add("wait".utf8)
        add(wait().utf8)
    }

    mutating func read(_ field: JobField, _ value: @autoclosure () -> ExtraValue) {
        guard field != .digest, field != .trace else { return }
        add(field.rawValue.utf8)
        switch value() {
        case .number(let number): add(String(number).utf8)
        case .text(let text): add(text.utf8)
        case .bytes(let bytes): add(bytes)
        }
    }

    /// Adds a word, with its length, so that no two lists of words are the same bytes.
    mutating func add(_ word: some Collection<UInt8>) {
        bytes.append(contentsOf: String(word.count).utf8)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(contentsOf: word)
    }

    var digest: String { Hex.text(of: SHA256.hash(data: bytes).prefix(16)) }
}
