// The download directory, kept open: all names are resolved in it, and links are not followed.

import FoundationEssentials
import Glibc

/// A file descriptor that closes itself; closing releases its lock.
final class FileHandle: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}

/// The identity and size of a file.
struct FileFacts: Equatable {
    var isRegular: Bool
    var size: Int64
    var device: UInt64
    var inode: UInt64

    init(_ facts: stat) {
        isRegular = facts.st_mode & S_IFMT == S_IFREG
        size = Int64(facts.st_size)
        device = UInt64(facts.st_dev)
        inode = UInt64(facts.st_ino)
    }
}

final class DownloadDirectory: Sendable {
    let path: String
    private let handle: FileHandle

    /// Opens the directory, creating it if missing.
    init(path: String) throws {
        self.path = path
        var descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT {
            Self.make(path)
            descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard descriptor >= 0 else { throw SystemError(SystemError.openDirectory) }
        handle = FileHandle(descriptor)
    }

    /// Creates a directory and its parents; errors show when the directory is opened.
    private static func make(_ path: String) {
        var current = path.hasPrefix("/") ? "/" : ""
        for piece in path.split(separator: "/") {
            current += piece
            mkdir(current, 0o755)
            current += "/"
        }
    }

    /// The file under a name, without following links; `nil` if there is none.
    func facts(of name: String) throws -> FileFacts? {
        var facts = stat()
        guard fstatat(handle.descriptor, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw SystemError("fstatat")
        }
        return FileFacts(facts)
    }

    func state(of name: String) throws -> TargetState {
        guard let facts = try facts(of: name) else { return .absent }
        return facts.isRegular ? .file(size: facts.size) : .other
    }

    /// Creates a new file for reading and writing; fails when the name exists, even as a link.
    func create(_ name: String) throws -> FileHandle {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = openat(handle.descriptor, name, flags, 0o644)
        guard descriptor >= 0 else { throw SystemError(SystemError.create) }
        return FileHandle(descriptor)
    }

    /// Opens a regular file; `nil` when there is none with that name.
    func open(_ name: String, writing: Bool) throws -> FileHandle? {
        let flags = (writing ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let descriptor = openat(handle.descriptor, name, flags)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ELOOP || errno == EISDIR || errno == ENXIO { return nil }
            throw SystemError("open")
        }
        let file = FileHandle(descriptor)
        return try file.facts().isRegular ? file : nil
    }

    /// Renames a file to its final name; returns false when that name exists.
    func rename(_ name: String, to final: String) throws -> Bool {
        guard let rename = Self.renameWithFlags else { return try link(name, to: final) }
        if rename(handle.descriptor, name, handle.descriptor, final, Self.noReplace) == 0 { return true }
        switch errno {
        case EEXIST: return false
        case EINVAL, ENOSYS, ENOTSUP: return try link(name, to: final)
        default: throw SystemError("rename")
        }
    }

    /// Renames a file to its final name, replacing an existing file.
    func replace(_ name: String, with final: String) throws {
        guard renameat(handle.descriptor, name, handle.descriptor, final) == 0 else { throw SystemError("rename") }
    }

    /// The names of all entries, including hidden ones.
    func names() throws -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw SystemError("readdir", code: EIO)
        }
        return names
    }

    private typealias RenameWithFlags =
        @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

    /// `renameat2`, looked up at run time: the imported C library does not declare this Linux extension.
    private static let renameWithFlags: RenameWithFlags? = dlsym(nil, "renameat2").map {
        unsafeBitCast($0, to: RenameWithFlags.self)
    }
    /// `RENAME_NOREPLACE`.
    private static let noReplace: UInt32 = 1

    /// The same in two steps, for file systems without a rename that refuses to replace.
    func link(_ name: String, to final: String) throws -> Bool {
        guard linkat(handle.descriptor, name, handle.descriptor, final, 0) == 0 else {
            if errno == EEXIST { return false }
            throw SystemError("link")
        }
        try unlink(name)
        return true
    }

    /// Removes a name; a missing name is not an error.
    func unlink(_ name: String) throws {
        guard unlinkat(handle.descriptor, name, 0) == 0 || errno == ENOENT else { throw SystemError("unlink") }
    }

    /// Syncs the directory's entries to disk.
    func sync() throws {
        guard fsync(handle.descriptor) == 0 else { throw SystemError("fsync") }
    }
}

extension FileHandle {
    /// The free bytes for this process; `nil` when the file system does not report them.
    func freeBytes() throws -> Int64? {
        var facts = statvfs()
        guard fstatvfs(descriptor, &facts) == 0 else { throw SystemError("fstatvfs") }
        guard facts.f_blocks > 0 else { return nil }
        let (free, isTooLarge) = UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize))
        return isTooLarge ? .max : Int64(clamping: free)
    }

    private typealias Allocate = @convention(c) (Int32, Int32, off_t, off_t) -> Int32

    /// `fallocate`, looked up at run time as a Linux extension.
    private static let allocate: Allocate? = dlsym(nil, "fallocate").map { unsafeBitCast($0, to: Allocate.self) }
    /// `FALLOC_FL_KEEP_SIZE`.
    private static let keepsSize: Int32 = 1

    /// Reserves blocks after the end of the file; false when there are not enough, true where reservation is
    /// unsupported.
    func reserve(_ count: Int64, at offset: Int64) throws -> Bool {
        guard let allocate = Self.allocate else { return true }
        while allocate(descriptor, Self.keepsSize, off_t(offset), off_t(count)) != 0 {
            switch errno {
            case EINTR: continue
            case ENOSPC, EDQUOT: return false
            case EOPNOTSUPP, ENOSYS, EINVAL: return true
            default: throw SystemError("fallocate")
            }
        }
        return true
    }

    func facts() throws -> FileFacts {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { throw SystemError("fstat") }
        return FileFacts(facts)
    }

    /// Takes the exclusive lock without waiting; returns false when another process holds it.
    func lock() throws -> Bool {
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        if errno == EWOULDBLOCK || errno == EINTR { return false }
        throw SystemError("flock")
    }
}
