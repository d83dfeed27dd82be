// What people and scripts read: data on standard output, everything else on standard error.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The two streams of this process.
struct Console: Sendable {
    /// Whether standard output is a terminal.
    var isTerminal: Bool
    /// The terminal's width in columns; `nil` where nothing may be cut.
    var width: Int?
    private let write: @Sendable (_ text: String, _ descriptor: Int32) -> Void

    /// Streams of the caller's, for tests.
    init(
        isTerminal: Bool = false, width: Int? = nil,
        write: @escaping @Sendable (_ text: String, _ descriptor: Int32) -> Void
    ) {
        self.isTerminal = isTerminal
        self.width = width
        self.write = write
    }

    /// The streams of this process.
    static var standard: Console {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        return Console(isTerminal: isTerminal, width: isTerminal ? terminalWidth() : nil, write: writeAll)
    }

    /// Whether a person can answer a question here.
    static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Writes a line of data.
    func out(_ text: String) { write(text + "\n", STDOUT_FILENO) }

    /// Writes data as it is.
    func raw(_ text: String) { write(text, STDOUT_FILENO) }

    /// Writes a line that is no data.
    func note(_ text: String) { write(text + "\n", STDERR_FILENO) }

    private static func terminalWidth() -> Int? {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return nil }
        return Int(size.ws_col)
    }

    /// Writes everything; gives up when nobody reads any more.
    private static func writeAll(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { posixWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&request, 1, 1000)
            } else if errno != EINTR {
                return
            }
        }
    }
}

/// The system's `write`, under a name that no method of ours hides.
private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
