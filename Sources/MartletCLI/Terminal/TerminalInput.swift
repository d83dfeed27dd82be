// Keys and signals of the terminal, read by one thread.

import Dispatch
import MartletCommandSupport
import MartletProcess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a terminal says to the command that fills it.
enum TerminalEvent: Sendable, Equatable {
    case key(Key)
    /// Its size changed.
    case resized
    /// Ctrl-Z: the command should stop until it is continued.
    case suspend
    /// The command was stopped and continues.
    case resumed
    /// SIGINT, SIGTERM or SIGHUP, or the terminal has gone.
    case end
}

/// Reads keys and signals until it is stopped.
///
/// There can be one at a time, since signals belong to the process.
struct TerminalInput: Sendable {
    /// How many milliseconds the rest of a key's sequence may take; after a lone Escape no rest comes.
    private static let sequenceTime: Int32 = 50

    private let wake: Int32

    /// Starts reading; `onEvent` is called on one thread, in order.
    init(_ onEvent: @escaping @Sendable (TerminalEvent) -> Void) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw CommandFailure(.failed, "no pipe can be made: \(SystemReason.text(errno))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        let reading = ends[0]
        wake = ends[1]
        signalPipe = wake
        var action = sigaction.calling { signal in
            let error = errno
            var number = UInt8(truncatingIfNeeded: signal)
            _ = write(signalPipe, &number, 1)
            errno = error
        }
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH] { sigaction(signal, &action, nil) }
        DispatchQueue(label: "martlet.terminal").async {
            Self.read(signals: reading, onEvent)
            close(reading)
        }
    }

    /// Stops reading; the process must end soon, because its signals stay handled and nobody reads them.
    func stop() {
        var end: UInt8 = 0
        _ = write(wake, &end, 1)
    }

    private static func read(signals: Int32, _ onEvent: (TerminalEvent) -> Void) {
        var parser = KeyParser()
        while true {
            var sources = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&sources, 2, parser.isWaiting ? sequenceTime : -1)
            if count < 0, errno != EINTR { return onEvent(.end) }
            if count == 0, let key = parser.flush() { onEvent(.key(key)) }
            guard count > 0 else { continue }
            for number in bytes(of: signals) ?? [] {
                guard number != 0 else { return }
                if let event = event(of: Int32(number)) { onEvent(event) }
            }
            guard sources[0].revents != 0 else { continue }
            guard let bytes = bytes(of: STDIN_FILENO) else { return onEvent(.end) }
            for key in parser.take(bytes) { onEvent(.key(key)) }
        }
    }

    /// What can be read now; `nil` at the end.
    private static func bytes(of descriptor: Int32) -> [UInt8]? {
        var block = [UInt8](repeating: 0, count: 1024)
        let count = posixRead(descriptor, &block, block.count)
        if count > 0 { return Array(block.prefix(count)) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? [] : nil
    }

    private static func event(of signal: Int32) -> TerminalEvent? {
        switch signal {
        case SIGWINCH: .resized
        case SIGTSTP: .suspend
        case SIGCONT: .resumed
        case SIGINT, SIGTERM, SIGHUP: .end
        default: nil
        }
    }
}

/// The system's `read`, under a name that no method hides.
private func posixRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}

/// Where the signal handler writes to; set before it is installed.
private nonisolated(unsafe) var signalPipe: Int32 = -1
