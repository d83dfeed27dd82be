// A process that we start and can end: another `martlet` beside this one.

import FoundationEssentials
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
final class Subprocess: Sendable {
    let processID: Int32
    private let lifeline: Int32
    private let ending = Mutex<Int32?>(nil)

    /// Starts `program`; its output and its errors are appended to files.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        output: String = "/dev/null", errors: String = "/dev/null"
    ) throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CommandFailure(.failed, "no pipe can be made (errno \(errno))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        lifeline = ends[1]
        do {
            processID = try Self.spawn(
                [program] + arguments, environment: environment, input: ends[0], output: output, errors: errors)
        } catch {
            close(lifeline)
            throw error
        }
    }

    deinit {
        if status == nil { _ = kill(processID, SIGKILL) }
        close(lifeline)
    }

    /// The path of the program that runs now.
    static var ownPath: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// The environment of this process without what configures a Martlet.
    static var plainEnvironment: [String: String] {
        let ours = Set(Settings.all.flatMap { $0.environment + $0.environmentOfFile })
        return ProcessInfo.processInfo.environment.filter { name, _ in
            !ours.contains(name) && !name.hasPrefix("DOWNLOAD__") && !name.hasPrefix("MARTLET_")
        }
    }

    /// How it ended: its exit code, or 128 and the number of the signal; `nil` while it runs.
    var status: Int32? {
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
    func send(_ signal: Int32) {
        if status == nil { _ = kill(processID, signal) }
    }

    /// Waits until it has ended; `nil` when the time is over first.
    func wait(within limit: Duration) async -> Int32? {
        let end = ContinuousClock.now + limit
        while true {
            if let status { return status }
            if ContinuousClock.now >= end { return nil }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return status }
        }
    }

    /// Ends it in order and, when that takes too long, at once.
    func stop(within limit: Duration = .seconds(10)) async {
        send(SIGCONT)
        send(SIGTERM)
        if await wait(within: limit) == nil {
            send(SIGKILL)
            _ = await wait(within: .seconds(5))
        }
    }

    private static func spawn(
        _ arguments: [String], environment: [String: String], input: Int32, output: String, errors: String
    ) throws -> pid_t {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // NIO's sockets are not close-on-exec; a child that inherits them would keep ports and connections open.
        // Closing what is not open is no error here.
        for descriptor in 3..<2048 as Range<Int32> {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // Signals that we block or ignore would be blocked and ignored there as well.
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var child: pid_t = 0
        let program = arguments[0]
        let code = withVector(arguments) { arguments in
            withVector(environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&child, program, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else { throw CommandFailure(.failed, "\(program) cannot be started (errno \(code))") }
        return child
    }

    /// Calls `body` with `words` as C wants them: an array of strings with NULL at its end.
    private static func withVector<Result>(
        _ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let vector = words.map { strdup($0) } + [nil]
        defer { for word in vector { free(word) } }
        return body(vector)
    }
}
