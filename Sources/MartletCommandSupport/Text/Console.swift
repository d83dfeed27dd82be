// Output: data to standard output, everything else to standard error.

import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The two output streams of this process.
///
/// All text leaves the process here and is cleaned here, so that external text cannot control a terminal.
package struct Console: Sendable {
    /// Whether standard output is a terminal.
    package var isTerminal: Bool
    /// The terminal's width in columns; `nil` when nothing may be cut.
    package var width: Int?
    /// The width of the terminal on standard error; `nil` without one.
    package var noteWidth: Int?
    private let write: @Sendable (_ text: String, _ descriptor: Int32) -> Void

    /// Creates streams for tests.
    package init(
        isTerminal: Bool = false, width: Int? = nil, noteWidth: Int? = nil,
        write: @escaping @Sendable (_ text: String, _ descriptor: Int32) -> Void
    ) {
        self.isTerminal = isTerminal
        self.width = width
        self.noteWidth = noteWidth
        self.write = write
    }

    /// The streams of this process.
    package static var standard: Console {
        Console(
            isTerminal: isatty(STDOUT_FILENO) == 1, width: terminalWidth(STDOUT_FILENO),
            noteWidth: terminalWidth(STDERR_FILENO), write: writeAll)
    }

    /// Whether a person can answer a question.
    package static var canAsk: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1 }

    /// Writes a line of data.
    package func out(_ text: String) { write(TerminalText.clean(text) + "\n", STDOUT_FILENO) }

    /// Writes lines of data that include their line ends.
    package func text(_ text: String) { write(TerminalText.clean(text), STDOUT_FILENO) }

    /// Writes a line to standard error.
    package func note(_ text: String) { write(TerminalText.clean(text) + "\n", STDERR_FILENO) }

    /// Writes control sequences of this program, with text that was cleaned before.
    package func control(_ sequences: String) { write(sequences, STDOUT_FILENO) }

    /// Moves the terminal's cursor up and erases everything below it.
    package func erase(lines: Int) { write("\u{1B}[\(lines)A\u{1B}[J", STDOUT_FILENO) }

    /// Shows a line on standard error's terminal until the next text; nothing without a terminal.
    package func status(_ text: String) {
        guard let noteWidth else { return }
        let line = TerminalText.oneLine(text).prefix(columns: noteWidth - 1)
        write("\r\u{1B}[K\(line)", STDERR_FILENO)
    }

    private static func terminalWidth(_ descriptor: Int32) -> Int? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }

    private static let failure = Mutex<Int32?>(nil)

    /// Why data could not be written to standard output; `nil` while it could, and when its reader has gone.
    package static var outputFailure: Int32? { failure.withLock { $0 } }

    /// Writes everything, or gives up when nobody reads and when nothing can be written.
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
                let reason = errno
                if descriptor == STDOUT_FILENO, reason != EPIPE { failure.withLock { $0 = $0 ?? reason } }
                return
            }
        }
    }
}

/// The system's `write`, under a name that no method hides.
private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
