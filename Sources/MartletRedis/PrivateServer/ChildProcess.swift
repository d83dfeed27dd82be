// A child process that cannot outlive this one: a supervising shell watches a pipe that only this process holds.

import MartletProcess
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A command that a supervising shell runs in its own process group.
///
/// The kernel closes this process's end of the pipe when it ends, for whatever reason; the shell then kills the
/// command.
package final class ChildProcess: Sendable {
    /// The signals that can be sent.
    package enum Signal { case terminate, kill, stop, proceed }

    // Arguments: the file for the command's process id, then the command. A shell gives background jobs no standard
    // input, so the pipe moves to descriptor 3. If this process dies while the command is stopped, the kernel sends
    // SIGHUP to the orphaned group, which must not end the watcher before it has killed the command. Files of the
    // command are private to this user.
    private static let script = """
        trap '' HUP
        umask 077
        pidfile=$1; shift
        exec 3<&0 </dev/null
        "$@" 3<&- &
        child=$!
        echo "$child" > "$pidfile"
        ( read -r line <&3; kill -9 "$child" ) >/dev/null 2>&1 &
        watcher=$!
        exec 3<&-
        wait "$child"
        status=$?
        kill -9 "$watcher"
        exit "$status"
        """

    private let shell: pid_t
    /// This process's end of the pipe; nothing is written to it.
    private let lifeline: Int32
    private let hasEnded = Mutex(false)

    /// Starts `command`; appends its output to the file at `logPath`.
    package init(supervising command: [String], pidPath: String, logPath: String) throws(PrivateRedisServerError) {
        let line = try Self.makeLine()
        defer { close(line.read) }
        let shell = ChildProgram(
            "/bin/sh", ["-c", Self.script, "sh", pidPath] + command,
            environment: ["PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"],
            descriptors: [0: .descriptor(line.read), 1: .file(logPath), 2: .file(logPath)])
        do throws(SpawnError) {
            self.shell = try shell.start()
        } catch {
            close(line.write)
            throw PrivateRedisServerError.cannotStart(errno: error.number)
        }
        lifeline = line.write
    }

    deinit {
        close(lifeline)
        guard isRunning else { return }
        // The shell ends now; waiting for it prevents a zombie.
        let shell = shell
        Task.detached {
            while waitpid(shell, nil, WNOHANG) == 0 { try? await Task.sleep(for: .milliseconds(5)) }
        }
    }

    /// Whether the command is still running.
    package var isRunning: Bool {
        hasEnded.withLock { hasEnded in
            if hasEnded { return false }
            var status: Int32 = 0
            let answer = unsafe waitpid(shell, &status, WNOHANG)
            hasEnded = answer == shell || (answer == -1 && errno == ECHILD)
            return !hasEnded
        }
    }

    /// Sends `signal` to process `id`; 0 means none.
    package static func send(_ signal: Signal, to id: Int32) {
        guard id > 1 else { return }
        switch signal {
        case .terminate: _ = kill(id, SIGTERM)
        case .kill: _ = kill(id, SIGKILL)
        case .stop: _ = kill(id, SIGSTOP)
        case .proceed: _ = kill(id, SIGCONT)
        }
    }

    /// A socket pair that other children do not inherit; an inheriting child would keep it open after this process.
    private static func makeLine() throws(PrivateRedisServerError) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        #elseif canImport(Musl)
            let kind = SOCK_STREAM | SOCK_CLOEXEC
        #else
            let kind = SOCK_STREAM
        #endif
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw PrivateRedisServerError.cannotStart(errno: errno)
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}
