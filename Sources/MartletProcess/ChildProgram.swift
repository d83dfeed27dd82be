// Starts child processes for all targets, without inheriting anything unintended.

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program to start, with an explicit environment and descriptors.
///
/// The child gets its own process group, so that ^C does not reach it directly. It inherits no blocked or ignored
/// signals and only the listed descriptors: most of NIO's sockets are not close-on-exec, and a child that inherits them
/// would keep ports and connections open.
package struct ChildProgram: Sendable {
    /// The source of a child's descriptor.
    package enum Source: Sendable {
        /// An open descriptor of this process.
        case descriptor(Int32)
        /// A file to append to; created if missing.
        case file(String)
        /// `/dev/null`.
        case nothing
    }

    /// The path of the program.
    package var program: String
    /// The arguments, without the program's name.
    package var arguments: [String]
    /// The complete environment.
    package var environment: [String: String]
    /// The child's descriptors; 0, 1 and 2 are inherited unless listed, all others are closed.
    package var descriptors: [Int32: Source]

    /// Creates a program with these arguments.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String], descriptors: [Int32: Source] = [:]
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.descriptors = descriptors
    }

    /// Starts the program; the caller must wait for it to exit.
    ///
    /// - Returns: its process id.
    package func start() throws(SpawnError) -> Int32 {
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
        for (target, source) in descriptors.sorted(by: { $0.key < $1.key }) {
            switch source {
            case .descriptor(let own): posix_spawn_file_actions_adddup2(&actions, own, target)
            case .file(let path):
                posix_spawn_file_actions_addopen(&actions, target, path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            case .nothing: posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDONLY, 0)
            }
        }
        closeOthers(&actions)
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
        let code = withVector([program] + arguments) { arguments in
            withVector(environment.map { "\($0.key)=\($0.value)" }) { environment in
                posix_spawn(&child, program, &actions, &attributes, arguments, environment)
            }
        }
        guard code == 0 else { throw SpawnError(number: code) }
        return child
    }

    /// Makes the child close every descriptor that is not listed, including ones opened before it starts.
    private func closeOthers(_ actions: inout FileActions) {
        let last = max(2, descriptors.keys.max() ?? 2)
        // Closing a descriptor that is not open is not an error here.
        for descriptor in 3..<max(3, last) where descriptors[descriptor] == nil {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        if let closeFrom = SystemCalls.closeFrom, closeFrom(&actions, last + 1) == 0 { return }
        // Without `closefrom` in the C library: closes the descriptors that are open now, and a margin for new ones.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev/fd")) ?? []
        let highest = names.compactMap { Int32($0) }.max() ?? 0
        for descriptor in (last + 1)..<max(2048, highest + 256) {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
    }
}

#if canImport(Darwin)
    private typealias FileActions = posix_spawn_file_actions_t?
#else
    private typealias FileActions = posix_spawn_file_actions_t
#endif

/// Functions that only newer C libraries have; looked up at run time.
private enum SystemCalls {
    typealias CloseFrom = @convention(c) (UnsafeMutablePointer<FileActions>, Int32) -> Int32

    static let closeFrom: CloseFrom? = {
        guard let program = dlopen(nil, RTLD_NOW), let call = dlsym(program, "posix_spawn_file_actions_addclosefrom_np")
        else { return nil }
        return unsafeBitCast(call, to: CloseFrom.self)
    }()
}

/// Why a program was not started.
package struct SpawnError: Error {
    /// The system's error number.
    package let number: Int32
}

/// Calls `body` with `words` as a NULL-terminated array of C strings.
private func withVector<Result>(
    _ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let vector = words.map { strdup($0) } + [nil]
    defer { for word in vector { free(word) } }
    return body(vector)
}
