// The state file of loss detection: replaced atomically and synced.

import FoundationEssentials
import MartletProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file of one server and prefix in its state directory.
///
/// A second server with the same directory is refused, since each needs its own state.
struct LossFile: Sendable {
    /// Why the file is unusable.
    struct Unusable: Error, CustomStringConvertible {
        var description: String
    }

    let path: String
    /// Its existence means that an operator accepted the losses detected before its time.
    var acceptancePath: String { path + ".accepted" }

    private var parent: String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

    init(directory: String, prefix: String) { path = "\(directory)/acknowledged-\(prefix).json" }

    /// A lock that excludes other servers while it exists.
    final class LockHandle: Sendable {
        private let file: Int32

        init(_ file: Int32) { self.file = file }

        deinit {
            // A child process that is about to start another program still has the file open, and with it the lock.
            flock(file, LOCK_UN)
            close(file)
        }
    }

    /// Creates the directory and takes the lock.
    func hold() throws(Unusable) -> LockHandle {
        do {
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        } catch { throw Unusable(description: "the directory \(parent) cannot be made") }
        let lock = Self.openFile(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC)
        guard lock >= 0 else { throw Unusable(description: "\(path).lock cannot be opened (errno \(errno))") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw Unusable(description: "another server uses \(path); give this one another directory")
        }
        return LockHandle(lock)
    }

    /// The stored state; empty when there is no readable file.
    func read() -> LossState {
        guard let data = FileManager.default.contents(atPath: path) else { return LossState() }
        return (try? JSONDecoder().decode(LossState.self, from: data)) ?? LossState()
    }

    /// Replaces the file durably.
    func write(_ memory: LossState) throws(Unusable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        guard let data = try? encoder.encode(memory) else {
            throw Unusable(description: "it cannot be written as JSON")
        }
        let new = path + ".new"
        try Self.write(Array(data), to: new)
        guard rename(new, path) == 0 else { throw Unusable(description: "\(path) cannot be replaced (errno \(errno))") }
        let directory = Self.openFile(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }

    /// Makes the server accept, at its next check, the losses detected by `moment`, in ms since 1970.
    func accept(at moment: Int) throws(Unusable) {
        // Under another name first: the server must not take a file that is still empty.
        let new = acceptancePath + ".new"
        try Self.write(Array("\(moment)\n".utf8), to: new)
        guard rename(new, acceptancePath) == 0 else {
            throw Unusable(description: "\(acceptancePath) cannot be replaced: \(SystemReason.text(errno))")
        }
    }

    /// The accepted time, once.
    func takeAcceptance() -> Int? {
        guard let data = FileManager.default.contents(atPath: acceptancePath) else { return nil }
        unlink(acceptancePath)
        return Int(String(decoding: data, as: UTF8.self).prefix { $0.isNumber })
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(Unusable) {
        let file = openFile(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC)
        guard file >= 0 else { throw Unusable(description: "\(path) cannot be written: \(SystemReason.text(errno))") }
        defer { close(file) }
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { writeBytes(file, $0.baseAddress, $0.count) }
            guard count > 0 else {
                throw Unusable(description: "\(path) cannot be written: \(SystemReason.text(errno))")
            }
            start += count
        }
        guard fsync(file) == 0 else {
            throw Unusable(description: "\(path) cannot be synced: \(SystemReason.text(errno))")
        }
    }

    private static func openFile(_ path: String, _ flags: Int32) -> Int32 { open(path, flags, 0o600) }
}

/// The C function `write`, which the file's method hides.
private func writeBytes(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(file, bytes, count) }
