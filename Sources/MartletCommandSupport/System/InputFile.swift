// Reads a file named by the user: a regular file, standard input, a pipe, or a `<(…)` substitution.

import MartletProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files that a command reads; `-` is standard input.
package enum InputFile {
    /// The most bytes to read.
    package static let limit = 64 << 20

    /// The bytes of a file; throws a failure that names it.
    package static func read(_ path: String, console: Console = .standard) throws -> [UInt8] {
        if path == "-" {
            if isatty(STDIN_FILENO) == 1 { console.note("Reading from the terminal; end with Ctrl-D.") }
            return try contents(of: STDIN_FILENO, "standard input")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        return try contents(of: descriptor, path)
    }

    private static func contents(of descriptor: Int32, _ name: String) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = block.withUnsafeMutableBytes { posixRead(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return bytes }
            if count > 0 {
                bytes += block.prefix(count)
            } else if errno != EINTR {
                throw failure(name, errno)
            }
            guard bytes.count <= limit else {
                throw CommandFailure(.usage, "\(name) has more than \(limit >> 20) MiB")
            }
        }
    }

    private static func failure(_ name: String, _ number: Int32) -> CommandFailure {
        CommandFailure(.usage, "cannot read \(name): \(SystemReason.text(number))")
    }
}

/// The system's `read`, under a name that no method hides.
private func posixRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
