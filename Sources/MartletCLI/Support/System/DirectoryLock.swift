// A directory that one process uses at a time, readable by one user only.

import FoundationEssentials
import MartletCommandSupport
import MartletProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The lock of a directory, held until the process ends.
final class DirectoryLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock; throws a failure that names the process which holds it.
    init(_ directory: String) throws {
        let path = directory + "/martlet.lock"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw CommandFailure(.usage, "cannot write \(path): \(SystemReason.text(errno))") }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.holder(opened)
            close(opened)
            throw CommandFailure(
                .failed, "\(directory) is in use by \(holder). Stop it first, or name another directory")
        }
        descriptor = opened
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(opened, 0)
        _ = text.withUnsafeBytes { pwrite(opened, $0.baseAddress, $0.count, 0) }
    }

    deinit { close(descriptor) }

    /// The process id in the lock file.
    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = bytes.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        let digits = bytes.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
        return digits.isEmpty ? "another process" : "process \(String(decoding: digits, as: UTF8.self))"
    }
}

/// Directories that only their owner may read.
enum PrivateDirectory {
    /// Creates the directory with access for this user only; an existing one is unchanged unless `tightens` is true.
    ///
    /// With `tightens`, access of others to it and its contents is removed.
    static func make(_ path: String, tightens: Bool = false) throws {
        let files = FileManager.default
        try files.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        guard tightens else { return }
        try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
        for name in try files.subpathsOfDirectory(atPath: path) {
            let inner = "\(path)/\(name)"
            let kind = try files.attributesOfItem(atPath: inner)[.type] as? FileAttributeType
            switch kind {
            case .typeDirectory: try files.setAttributes([.posixPermissions: 0o700], ofItemAtPath: inner)
            case .typeRegular: try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: inner)
            default: continue
            }
        }
    }
}
