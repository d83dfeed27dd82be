// The terminal of this process while a command fills its screen: entered, left, and left on any end of the process.

import MartletCommandSupport
import MartletProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The size of a terminal.
struct TerminalSize: Sendable, Equatable {
    var columns: Int
    var rows: Int
}

/// The terminal on standard input and output, in raw mode and on its alternate screen.
///
/// Ctrl-C, Ctrl-\ and Ctrl-Z still send signals. ``leave()`` restores what was before; so do `exit` and the signals of a
/// crash, by handlers that ``enter()`` installs once.
enum RawTerminal {
    /// Alternate screen, no automatic line breaks, no cursor, everything erased.
    private static let opening: StaticString = "\u{1B}[?1049h\u{1B}[?7l\u{1B}[?25l\u{1B}[2J"
    /// The reverse, beginning with plain text.
    fileprivate static let closing: StaticString = "\u{1B}[0m\u{1B}[?25h\u{1B}[?7h\u{1B}[?1049l"

    /// Throws a failure that names `--once` where there is no terminal that can show a screen.
    ///
    /// - Parameter term: the value of `TERM`.
    static func check(term: String?) throws {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
            throw CommandFailure(
                .usage, "standard input and output must be a terminal; --once prints the numbers without one")
        }
        guard let term, !term.isEmpty, term != "dumb" else {
            throw CommandFailure(
                .usage,
                "this terminal (TERM=\(term ?? "")) cannot show a screen; --once prints the numbers without one")
        }
    }

    /// Saves the terminal's settings, and takes the terminal over.
    ///
    /// Entering it twice changes nothing.
    static func enter() throws {
        if !isEntered {
            guard tcgetattr(STDIN_FILENO, saved) == 0 else {
                throw CommandFailure(.failed, "the terminal cannot be set: \(SystemReason.text(errno))")
            }
            installHandlers()
        }
        isEntered = true
        var raw = saved.pointee
        cfmakeraw(&raw)
        raw.c_lflag |= tcflag_t(ISIG)
        raw.c_oflag |= tcflag_t(OPOST)
        guard tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 else {
            throw CommandFailure(.failed, "the terminal cannot be set: \(SystemReason.text(errno))")
        }
        emit(opening)
    }

    /// Restores the terminal; does nothing when it is not entered.
    static func leave() {
        restore()
        // Keys that nobody has read must not become a command line of the shell.
        tcflush(STDIN_FILENO, TCIFLUSH)
    }

    /// Stops this process as Ctrl-Z does, and returns when it continues.
    static func suspend() {
        restore()
        let before = signal(SIGTSTP, SIG_DFL)
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTSTP)
        // Threads of Dispatch block all signals.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        raise(SIGTSTP)
        _ = signal(SIGTSTP, before)
    }

    /// The size of the terminal; 80 by 24 where it does not tell.
    static var size: TerminalSize {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return TerminalSize(columns: 80, rows: 24)
        }
        return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
    }

    /// Makes `exit` and crashes restore the terminal; a crash then goes on as it would have without this.
    private static func installHandlers() {
        guard !hasHandlers else { return }
        hasHandlers = true
        atexit { restore() }
        var action = sigaction.calling { signal in
            restore()
            sigaction(signal, before + Int(signal), nil)
            raise(signal)
        }
        for signal in crashes { sigaction(signal, &action, before + Int(signal)) }
    }

    /// The signals that end a process which does not handle them, apart from those that ``TerminalInput`` reads.
    private static let crashes = [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
}

// State of the process, so that signal handlers can reach it. Only the task that owns the terminal changes it.

/// The settings of the terminal before it was entered.
private nonisolated(unsafe) let saved = UnsafeMutablePointer<termios>.allocate(capacity: 1)
/// The actions that signals had before the terminal was entered, by their numbers.
private nonisolated(unsafe) let before = UnsafeMutablePointer<sigaction>.allocate(capacity: 65)
private nonisolated(unsafe) var isEntered = false
private nonisolated(unsafe) var hasHandlers = false

/// Restores the terminal.
///
/// Calls only functions that are safe in a signal handler.
private func restore() {
    guard isEntered else { return }
    isEntered = false
    emit(RawTerminal.closing)
    tcsetattr(STDIN_FILENO, TCSANOW, saved)
}

/// Writes a short constant text to the terminal.
private func emit(_ text: StaticString) {
    _ = write(STDOUT_FILENO, text.utf8Start, text.utf8CodeUnitCount)
}
