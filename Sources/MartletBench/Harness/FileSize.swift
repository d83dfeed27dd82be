// The size of a file, read with a system call: the types of Foundation's attributes differ by how a program is linked.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Sizes of files.
enum FileSize {
    /// The bytes of a file; `nil` when it is not there.
    static func of(_ path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Int(status.st_size)
    }
}
