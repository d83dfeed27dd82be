// Journals with the times of one clock for all processes; each line is on disk before the run continues.

import FoundationEssentials
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Milliseconds of the monotonic clock, which all processes of a machine share.
func monotonic() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

/// A file of lines, each on disk when `write` returns.
final class LineLog: Sendable {
    private let file: Int32

    init(_ path: String) throws {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SoakFailure("\(path) cannot be written (errno \(errno))") }
    }

    deinit { close(file) }

    func write(_ words: String...) {
        let line = Array((words.joined(separator: " ") + "\n").utf8)
        // One call per line, so that killed processes leave whole lines.
        _ = line.withUnsafeBytes { appendBytes(file, $0.baseAddress, $0.count) }
        fsync(file)
    }

    /// The lines of a journal, split into words.
    static func read(_ path: String) -> [[String]] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    }
}

extension LineLog {
    /// Records when this process stood still for long, as on a busy machine: no fault of the run explains what follows.
    ///
    /// Returns when the task is cancelled.
    func writeStalls() async {
        var last = monotonic()
        while !Task.isCancelled {
            await nap(100)
            let now = monotonic()
            if now - last > Installation.lease / 3 { write("stall", "-", "-", "\(getpid())", "\(last)", "\(now)") }
            last = now
        }
    }
}

/// The system's `write`, which a method would hide.
private func appendBytes(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(file, bytes, count) }

/// The run cannot continue.
struct SoakFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A fault that was injected into a process or Redis.
struct FaultNote: Sendable {
    /// Its class, for instance `kill-worker` or `swallow`.
    var kind: String
    /// The process that it affected by name, or `redis`, which affects all.
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

    /// Records a fault that lasted from `from` until now.
    func note(_ kind: String, _ subject: String, from: Int) {
        let note = FaultNote(kind: kind, subject: subject, from: from, to: monotonic())
        notes.withLock { $0.append(note) }
        journal.write(kind, subject, "\(from)", "\(note.to)")
    }
}
