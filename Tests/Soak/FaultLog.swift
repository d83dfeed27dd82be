// What happened and when, by one clock for all processes, on disk before anything follows from it.

import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Milliseconds of the clock that every process of this machine shares and nobody sets.
func monotonic() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// A file of lines, each on the disk when `write` returns.
final class LineLog: Sendable {
    private let file: Int32

    init(_ path: String) throws {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SoakFailure("\(path) cannot be written (errno \(errno))") }
    }

    deinit { close(file) }

    func write(_ words: String...) {
        let line = Array((words.joined(separator: " ") + "\n").utf8)
        // One call for one line: processes that die leave whole lines.
        _ = line.withUnsafeBytes { appendBytes(file, $0.baseAddress, $0.count) }
        fsync(file)
    }

    /// The lines of a journal, each as its words.
    static func read(_ path: String) -> [[String]] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }
}

/// The system's `write`, under a name that no method of ours hides.
private func appendBytes(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(file, bytes, count) }

/// Something that cannot go on.
struct SoakFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A fault that was done to a process or to Redis.
struct FaultNote: Sendable {
    /// Its class, for instance `kill-worker` or `swallow`.
    var kind: String
    /// Whom it hit: a process by its name, or `redis`, which hits everybody.
    var subject: String
    var from: Int
    var to: Int
}

/// All faults of a run.
final class FaultLog: Sendable {
    private let notes = Mutex<[FaultNote]>([])
    private let journal: LineLog

    init(_ path: String) throws { journal = try LineLog(path) }

    var all: [FaultNote] { notes.withLock { $0 } }

    /// How often each class happened.
    var counts: [String: Int] { all.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 } }

    /// Notes a fault that lasted from `from` until now.
    func note(_ kind: String, _ subject: String, from: Int) {
        let note = FaultNote(kind: kind, subject: subject, from: from, to: monotonic())
        notes.withLock { $0.append(note) }
        journal.write(kind, subject, "\(from)", "\(note.to)")
    }
}
