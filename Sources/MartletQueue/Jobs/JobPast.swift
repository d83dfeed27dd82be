// What a job keeps of its past: attempts that failed, and payloads that were replaced.

public import FoundationEssentials

/// An attempt of a job that failed.
///
/// A job keeps its last ten; one that never failed keeps none.
///
/// ```swift
/// for attempt in try await queue.job(id)?.attempts ?? [] {
///     print(attempt.endedAt, attempt.worker ?? "", attempt.error ?? "")
/// }
/// ```
public struct FailedAttempt: Sendable, Hashable {
    /// How an attempt ended.
    public enum Outcome: String, Sendable, Hashable, CaseIterable {
        /// Its handler failed.
        case failed
        /// The process of its own in which it ran died.
        case crashed
        /// Its worker died, or held it longer than its lease.
        case lost
    }

    /// How it ended.
    public var outcome: Outcome
    /// When it ended; for a lost one, when that was noticed.
    public var endedAt: Date
    /// When it was claimed.
    public var startedAt: Date?
    /// The worker that had it; `nil` for a lost one.
    public var worker: String?
    /// The first 512 bytes of its error.
    public var error: String?
}

/// A payload that a job had before it was changed.
///
/// A job keeps its last three.
///
/// ```swift
/// for old in try await queue.job(id)?.earlierPayloads ?? [] { print(old.replacedAt, old.size) }
/// ```
public struct EarlierPayload: Sendable, Hashable {
    /// When it was replaced.
    public var replacedAt: Date
    /// Its size in bytes.
    public var size: Int
    /// The payload; `nil` for one of more than 4 KiB.
    public var payload: [UInt8]?
}

extension FailedAttempt {
    /// Parses the field `h`; what is no attempt is left out.
    static func list(stored bytes: [UInt8]) -> [FailedAttempt] {
        StoredList(bytes).entries.prefix(10).compactMap { words in
            guard words.count == 5, let outcome = Outcome(rawValue: words[0].text), let ended = words[1].date else {
                return nil
            }
            return FailedAttempt(
                outcome: outcome, endedAt: ended, startedAt: words[2].date,
                worker: words[3].isEmpty ? nil : words[3].text, error: words[4].isEmpty ? nil : words[4].text)
        }
    }
}

extension EarlierPayload {
    /// Parses the field `j`; what is no payload is left out.
    static func list(stored bytes: [UInt8]) -> [EarlierPayload] {
        StoredList(bytes).entries.prefix(3).compactMap { words in
            guard words.count == 3, let at = words[0].date, let size = Int(words[1].text), size >= 0 else { return nil }
            return EarlierPayload(replacedAt: at, size: size, payload: words[2].isEmpty ? nil : Array(words[2]))
        }
    }
}

/// A list of a job's hash: entries, and the words of each; see `history.lua`.
private struct StoredList {
    var entries: [[ArraySlice<UInt8>]]

    init(_ bytes: [UInt8]) {
        entries = bytes.split(separator: 30).map { $0.split(separator: 31, omittingEmptySubsequences: false) }
    }
}

extension ArraySlice<UInt8> {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }
    fileprivate var date: Date? { Int(text).map { Date(milliseconds: $0) } }
}
