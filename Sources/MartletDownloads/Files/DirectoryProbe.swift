// Whether files can be made in the download directory: the one check of workers and of `doctor`.

import Glibc

/// A check of a download directory that makes a file there and removes it.
///
/// ```swift
/// if let number = DirectoryProbe.failure(of: "/var/lib/martlet/downloads") {
///     print("downloads cannot be stored:", String(cString: strerror(number)))
/// }
/// ```
public enum DirectoryProbe {
    /// Makes the directory if it is missing, and a file in it that is removed at once.
    ///
    /// It blocks the thread for as long as the file system takes. A full disk is no failure: downloads wait for space.
    ///
    /// - Parameters:
    ///   - path: the directory.
    ///   - leavesNothing: whether a directory that did not exist is removed again.
    /// - Returns: the system's error number, such as `EROFS`; `nil` when files can be made.
    public static func failure(of path: String, leavesNothing: Bool = false) -> Int32? {
        let made = leavesNothing ? missing(path) : []
        defer { for directory in made { rmdir(directory) } }
        do {
            let directory = try DownloadDirectory(path: path)
            let name = ".martlet-probe-\(UInt64.random(in: 0...(.max)))"
            defer { try? directory.unlink(name) }
            _ = try directory.create(name)
            return nil
        } catch let error as SystemError {
            return [ENOSPC, EDQUOT].contains(error.code) ? nil : error.code
        } catch { return EIO }
    }

    /// Whether there is anything at a path.
    private static func exists(_ path: String) -> Bool {
        var facts = stat()
        return lstat(path, &facts) == 0
    }

    /// The directories of a path that do not exist yet, the deepest first.
    private static func missing(_ path: String) -> [String] {
        var current = path.hasPrefix("/") ? "/" : ""
        var directories: [String] = []
        for piece in path.split(separator: "/") {
            current += piece
            if !exists(current) { directories.append(current) }
            current += "/"
        }
        return directories.reversed()
    }
}
