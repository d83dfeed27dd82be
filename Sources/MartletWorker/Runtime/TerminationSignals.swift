// SIGTERM and SIGINT for workers outside a service group: the first signal starts a graceful stop.

import Dispatch
import MartletProcess
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Handles SIGTERM and SIGINT while there is a listener, then restores the previous actions.
///
/// Signals that the program ignores or handles itself are not touched. The first signal is passed to all listeners. The
/// second ends the process at once, as an unhandled signal would.
final class TerminationSignals: Sendable {
    /// A registration; pass it to ``stop(_:)``.
    struct Listener: Sendable {
        fileprivate let number: Int
    }

    /// A signal and its previous action.
    private struct SavedAction: @unchecked Sendable {
        let signal: Int32
        var before: sigaction
    }

    private struct State {
        var listeners: [Int: @Sendable (Int32) -> Void] = [:]
        var lastNumber = 0
        var savedActions: [SavedAction] = []
        var source: (any DispatchSourceRead)?
        var hasReceived = false
    }

    /// The shared instance of this process.
    static let shared = TerminationSignals()

    private let state = Mutex(State())

    /// Calls `body` once, with the number of the first signal.
    func listen(_ body: @escaping @Sendable (Int32) -> Void) -> Listener {
        state.withLock { state in
            if state.listeners.isEmpty { trap(&state) }
            state.lastNumber += 1
            state.listeners[state.lastNumber] = body
            return Listener(number: state.lastNumber)
        }
    }

    /// Removes a listener.
    func stop(_ listener: Listener) {
        state.withLock { state in
            state.listeners[listener.number] = nil
            guard state.listeners.isEmpty else { return }
            for var trap in state.savedActions { sigaction(trap.signal, &trap.before, nil) }
            state.savedActions = []
            state.hasReceived = false
        }
    }

    private func trap(_ state: inout State) {
        if state.source == nil { state.source = makeSource() }
        guard state.source != nil else { return }
        for signal in [SIGTERM, SIGINT] {
            var before = sigaction()
            guard sigaction(signal, nil, &before) == 0, before.isDefault else { continue }
            var ours = sigaction.writing
            sigaction(signal, &ours, nil)
            state.savedActions.append(SavedAction(signal: signal, before: before))
        }
    }

    /// Creates the pipe that the signal handler writes to; little else is safe in a signal handler.
    ///
    /// The pipe is created once and kept, so that a running signal handler never writes to a closed descriptor.
    private func makeSource() -> (any DispatchSourceRead)? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        signalPipe = ends[1]
        let source = DispatchSource.makeReadSource(
            fileDescriptor: ends[0], queue: DispatchQueue(label: "martlet.signals", qos: .userInitiated))
        source.setEventHandler { [self] in
            var number: UInt8 = 0
            while read(ends[0], &number, 1) == 1 { received(Int32(number)) }
        }
        source.resume()
        return source
    }

    private func received(_ signal: Int32) {
        let (listeners, isFirst) = state.withLock { state in
            defer { state.hasReceived = true }
            return (Array(state.listeners.values), !state.hasReceived)
        }
        guard isFirst else { _exit(128 + signal) }
        for listener in listeners { listener(signal) }
    }
}

/// The descriptor that the signal handler writes to; set before any handler is installed.
private nonisolated(unsafe) var signalPipe: Int32 = -1

extension sigaction {
    /// Whether the signal has its default action.
    fileprivate var isDefault: Bool {
        #if canImport(Darwin)
            unsafeBitCast(__sigaction_u.__sa_handler, to: Int.self) == 0
        #else
            unsafeBitCast(__sigaction_handler.sa_handler, to: Int.self) == 0
        #endif
    }

    /// An action that writes the signal's number to the pipe.
    fileprivate static var writing: sigaction {
        calling { signal in
            let error = errno
            var number = UInt8(truncatingIfNeeded: signal)
            _ = write(signalPipe, &number, 1)
            errno = error
        }
    }
}
