// How another program is started: one way for all rooms, so that it inherits nothing else.

import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program to be started, with exactly what it is given.
///
/// It gets a process group of its own, so that ^C reaches it only through us, no blocked or ignored signals, and none of
/// our descriptors but those named: a child that inherits NIO's sockets, most of which are not close-on-exec, would keep
/// ports and connections open.
package struct ChildProgram: Sendable {
    /// What stands behind a descriptor of the child.
    package enum Source: Sendable {
        /// An open descriptor of this process.
        case descriptor(Int32)
        /// A file to which is appended; it is made where it does not exist.
        case file(String)
        /// Nothing to read.
        case nothing
    }

    /// The path of the program.
    package var program: String
    /// Its arguments, without its own name.
    package var arguments: [String]
    /// Its environment, whole.
    package var environment: [String: String]
    /// What it finds behind its descriptors; 0, 1 and 2 are ours where they are not named, all others are closed.
    package var descriptors: [Int32: Source]

    /// A program with these arguments.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String], descriptors: [Int32: Source] = [:]
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.descriptors = descriptors
    }

    /// Starts it; the caller waits for its end.
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

    /// Has the child close whatever is not named, also what is opened until it starts.
    private func closeOthers(_ actions: inout FileActions) {
        let last = max(2, descriptors.keys.max() ?? 2)
        // Closing what is not open is no error here.
        for descriptor in 3..<max(3, last) where descriptors[descriptor] == nil {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        if let closeFrom = SystemCalls.closeFrom, closeFrom(&actions, last + 1) == 0 { return }
        // A C library that cannot say "all from here on": those that are open now, and as many as may be by then.
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

/// What only newer C libraries have, and is therefore looked up when it is needed.
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

/// Calls `body` with `words` as C wants them: an array of strings with NULL at its end.
private func withVector<Result>(
    _ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let vector = words.map { strdup($0) } + [nil]
    defer { for word in vector { free(word) } }
    return body(vector)
}
