// A process that we start and can end.

import FoundationEssentials
import MartletProcess
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process that we started.
///
/// It is in a group of its own, so that ^C reaches it only through us, and its standard input is a line that closes
/// when this process ends, however it ends.
package final class Subprocess: Sendable {
    package let processID: Int32
    private let lifeline: Int32
    private let ending = Mutex<Int32?>(nil)

    /// Starts `program`; its output and its errors are appended to files.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        output: String = "/dev/null", errors: String = "/dev/null"
    ) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw CommandFailure(.failed, "no pipe can be made: \(SystemReason.text(errno))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        lifeline = ends[1]
        do throws(SpawnError) {
            processID = try ChildProgram(
                program, arguments, environment: environment,
                descriptors: [0: .descriptor(ends[0]), 1: .file(output), 2: .file(errors)]
            ).start()
        } catch {
            close(lifeline)
            throw CommandFailure(.failed, "\(program) cannot be started: \(SystemReason.text(error.number))")
        }
    }

    deinit {
        if status == nil { _ = kill(processID, SIGKILL) }
        close(lifeline)
    }

    /// The path of the program that runs now.
    package static var ownPath: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// How it ended: its exit code, or 128 and the number of the signal; `nil` while it runs.
    package var status: Int32? {
        ending.withLock { ending in
            if let ending { return ending }
            var word: Int32 = 0
            guard waitpid(processID, &word, WNOHANG) == processID else { return nil }
            let signal = word & 0x7F
            ending = signal == 0 ? (word >> 8) & 0xFF : 128 + signal
            return ending
        }
    }

    /// Sends a signal, if it still runs.
    package func send(_ signal: Int32) {
        if status == nil { _ = kill(processID, signal) }
    }

    /// Waits until it has ended; `nil` when the time is over first.
    package func wait(within limit: Duration) async -> Int32? {
        let end = ContinuousClock.now + limit
        while true {
            if let status { return status }
            if ContinuousClock.now >= end { return nil }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return status }
        }
    }

    /// Ends it in order and, when that takes too long, at once.
    package func stop(within limit: Duration = .seconds(10)) async {
        send(SIGCONT)
        send(SIGTERM)
        if await wait(within: limit) == nil {
            send(SIGKILL)
            _ = await wait(within: .seconds(5))
        }
    }
}
