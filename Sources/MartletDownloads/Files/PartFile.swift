// A part file that this process has locked; bytes are appended and hashed.

import Crypto
import Glibc
import MartletJobs
import NIOCore
import Synchronization

/// A locked part file; the lock is held until ``release()``, or as long as the value exists.
///
/// All methods block, so call them on ``Disk``.
final class PartFile: Sendable {
    /// The bytes hashed per step, so that a stop is noticed between steps.
    static let step = 4 << 20

    let name: String
    private let directory: DownloadDirectory
    /// `nil` after ``release()``.
    private let handle: Mutex<FileHandle?>
    private let state = Mutex(State())
    /// A copy of ``State/offset`` that can be read while a piece is being hashed.
    private let count = Atomic<Int64>(0)
    private let extent = Mutex(Extent())

    private struct State {
        var hasher = SHA256()
        var offset: Int64 = 0

        mutating func take(_ bytes: UnsafeRawBufferPointer) {
            hasher.update(bufferPointer: bytes)
            offset += Int64(bytes.count)
        }
    }

    /// Writing runs ahead of hashing under its own lock, so that both proceed at once.
    private struct Extent {
        /// The position after the last written byte.
        var end: Int64 = 0
        /// The position up to which bytes are synced, if known.
        var synced: Int64?
    }

    /// Creates a part with a new name.
    static func create(_ name: String, in directory: DownloadDirectory) throws -> PartFile {
        let file = try directory.create(name)
        guard try file.lock() else { throw SystemError("flock", code: EWOULDBLOCK) }
        return PartFile(name: name, directory: directory, file: file)
    }

    /// The part of an earlier attempt.
    enum Found {
        case missing
        case ours(PartFile)
        /// Another process still holds the part: it may be read, never written.
        case locked(FileHandle)
    }

    static func find(_ name: String, in directory: DownloadDirectory) throws -> Found {
        guard let file = try directory.open(name, writing: true) else { return .missing }
        guard try file.lock() else { return .locked(file) }
        // A cleaner may remove the file between opening and locking; then the name belongs to nobody.
        guard try directory.facts(of: name) == file.facts() else { return .missing }
        return .ours(PartFile(name: name, directory: directory, file: file))
    }

    private init(name: String, directory: DownloadDirectory, file: FileHandle) {
        self.name = name
        self.directory = directory
        handle = Mutex(file)
    }

    private var file: FileHandle {
        get throws {
            guard let file = handle.withLock({ $0 }) else { throw SystemError("using a released part", code: EBADF) }
            return file
        }
    }

    /// Releases the lock; nothing can be read or written here after that.
    ///
    /// The value itself may live on for a moment in threads that have just used it, and the next attempt may begin at
    /// once. A write that is still in progress keeps the lock until it ends.
    func release() { handle.withLock { $0 = nil } }

    /// The number of bytes written and hashed.
    var offset: Int64 { count.load(ordering: .acquiring) }

    private func change<Value>(_ change: (inout State) throws -> Value) rethrows -> Value {
        try state.withLock { state in
            defer { count.store(state.offset, ordering: .releasing) }
            return try change(&state)
        }
    }

    /// The bytes so far and their SHA-256.
    var held: PartContents {
        state.withLock { state in
            PartContents(count: state.offset, sum: Hex.text(of: state.hasher.finalize()))
        }
    }

    /// Hashes the next existing bytes, up to `limit`; returns false when there are no more.
    func readOn(upTo limit: Int64) throws -> Bool {
        let file = try file
        return try change { state in
            try Self.read(from: file, at: state.offset, limit: limit) { bytes in
                state.take(bytes)
                extent.withLock { $0 = Extent(end: state.offset) }
            }
        }
    }

    /// Copies and hashes the next bytes of another file, up to `limit`; returns false when there are no more.
    func copyOn(from other: FileHandle, upTo limit: Int64) throws -> Bool {
        let file = try file
        return try change { state in
            try Self.read(from: other, at: state.offset, limit: limit) { bytes in
                try Self.write(bytes, to: file, at: state.offset)
                state.take(bytes)
                extent.withLock { $0 = Extent(end: state.offset) }
            }
        }
    }

    /// Appends bytes; after a failure nothing may follow.
    func write(_ buffers: [ByteBuffer]) throws {
        let file = try file
        try extent.withLock { extent in
            for buffer in buffers {
                try buffer.withUnsafeReadableBytes { bytes in
                    try Self.write(bytes, to: file, at: extent.end)
                    extent.end += Int64(bytes.count)
                }
            }
        }
    }

    /// Hashes bytes that ``write(_:)`` wrote, in the same order, and counts them as held.
    func hash(_ buffers: [ByteBuffer]) {
        change { state in
            for buffer in buffers { buffer.withUnsafeReadableBytes { state.take($0) } }
        }
    }

    /// Reserves disk space for the rest of the file until ``truncate()``.
    ///
    /// Reservations are serialised, so that of two concurrent downloads one gets all it needs. Where the file system
    /// cannot reserve, the free space is compared instead.
    func reserve(upTo total: Int64) throws {
        let missing = total - offset
        guard missing > 0 else { return }
        let file = try file
        try Self.reserving.withLock { _ in
            let free = try file.freeBytes()
            if let free, free < missing { throw DownloadError.notEnoughSpace(needed: missing, free: free) }
            guard try file.reserve(missing, at: offset) else {
                try truncate()
                throw DownloadError.notEnoughSpace(needed: missing, free: free ?? 0)
            }
        }
    }

    private static let reserving = Mutex(())

    /// Cuts off everything after the bytes that were read or written here, including reserved space.
    func truncate() throws {
        let file = try file
        try withExtendedLifetime(file) {
            guard ftruncate(file.descriptor, off_t(offset)) == 0 else { throw SystemError("ftruncate") }
        }
    }

    /// Discards all bytes.
    func restart() throws {
        change { $0 = State() }
        extent.withLock { $0 = Extent() }
        try truncate()
    }

    /// Syncs the bytes to disk.
    func sync() throws {
        let end = extent.withLock { $0.end }
        let file = try file
        try withExtendedLifetime(file) {
            guard fdatasync(file.descriptor) == 0 else { throw SystemError("fdatasync") }
        }
        extent.withLock { $0.synced = end }
    }

    /// Renames the part to its final name; returns false when that name exists and must not be replaced.
    func commit(as final: String, replacing: Bool = false) throws -> Bool {
        // Usually the save before the rename has already synced everything.
        if extent.withLock({ $0.synced != $0.end }) { try sync() }
        if replacing {
            try directory.replace(name, with: final)
        } else if try !directory.rename(name, to: final) {
            return false
        }
        try directory.sync()
        return true
    }

    /// The first unused name derived from `filename`, with its number; `nil` when all up to 999 are taken.
    func freeName(for filename: String, from number: Int) throws -> (name: String, number: Int)? {
        for number in number...max(number, 999) {
            let name = number == 1 ? filename : FileNames.numbered(filename, number)
            if try directory.facts(of: name) == nil { return (name, number) }
        }
        return nil
    }

    func remove() throws { try directory.unlink(name) }

    /// Passes on the next bytes of a file, at most one step; returns false when there are none before `limit`.
    static func read(
        from file: FileHandle, at offset: Int64, limit: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        guard limit > offset else { return false }
        let wanted = Int(min(Int64(step), limit - offset))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: wanted, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = pread(file.descriptor, buffer.baseAddress, wanted, off_t(offset))
            if count > 0 {
                try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                return true
            }
            if count == 0 { return false }
            guard errno == EINTR else { throw SystemError("pread") }
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to file: FileHandle, at offset: Int64) throws {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(file.descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(done))
            if count >= 0 { done += count } else if errno != EINTR { throw SystemError("pwrite") }
        }
    }
}
