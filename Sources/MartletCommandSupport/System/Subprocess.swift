// A child process: another `martlet`.

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

/// A child process.
///
/// It has its own process group, so that ^C does not reach it directly, and its standard input is a pipe that closes
/// when this process ends.
package final class Subprocess: Sendable {
    package let processID: Int32
    private let lifeline: Int32
    private let ending = Mutex<Int32?>(nil)

    /// Starts `program`; appends its output and errors to files.
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

    /// The path of the running program.
    package static var ownPath: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// The exit code, or 128 plus the signal's number; `nil` while it runs.
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

    /// Sends a signal if the process is still running.
    package func send(_ signal: Int32) {
        if status == nil { _ = kill(processID, signal) }
    }

    /// Waits for its end; `nil` after the limit.
    package func wait(within limit: Duration) async -> Int32? {
        let end = ContinuousClock.now + limit
        while true {
            if let status { return status }
            if ContinuousClock.now >= end { return nil }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return status }
        }
    }

    /// Stops the process, and kills it after the limit.
    package func stop(within limit: Duration = .seconds(10)) async {
        send(SIGCONT)
        send(SIGTERM)
        if await wait(within: limit) == nil {
            send(SIGKILL)
            _ = await wait(within: .seconds(5))
        }
    }
}
