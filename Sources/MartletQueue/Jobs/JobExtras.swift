// What a job says beyond its type and payload: the one list of it, for those who write it and those who only ask.

import MartletJobs
import MartletRedis

extension NewJob {
    /// Shows `reader` all that is said of the job beyond its id, type and payload and differs from what holds unsaid.
    ///
    /// What is not in this list is neither sent nor stored. Every push comes by here: no value is made before it is asked for.
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
    }

    /// Whether nothing is said of the job but its type and payload: then nothing else is sent and stored.
    var isPlain: Bool {
        var reader = ExtraDetector()
        showExtras(&reader)
        return !reader.hasFound
    }

    /// Appends a run of one job that is not plain, as the script `enqueue` reads it.
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

/// The value of a field that a job says.
private enum ExtraValue {
    case number(Int)
    case text(String)
    case bytes([UInt8])
}

/// Who is shown what a job says.
private protocol ExtraReader {
    mutating func read(priority: Int)
    mutating func read(wait: @autoclosure () -> String)
    mutating func read(_ field: JobField, _ value: @autoclosure () -> ExtraValue)
}

/// Finds out whether it says anything.
private struct ExtraDetector: ExtraReader {
    private(set) var hasFound = false

    mutating func read(priority: Int) { hasFound = true }
    mutating func read(wait: @autoclosure () -> String) { hasFound = true }
    mutating func read(_ field: JobField, _ value: @autoclosure () -> ExtraValue) { hasFound = true }
}

/// Writes what it says: fields by name and value, and what the script needs to put the job in its place.
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
