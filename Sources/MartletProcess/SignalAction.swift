// What a process does when it gets a signal.

#if canImport(Glibc)
    package import Glibc
#elseif canImport(Musl)
    package import Musl
#else
    package import Darwin
#endif

extension sigaction {
    /// An action that calls a function, which may do only what is safe in a signal handler.
    ///
    /// - Parameter handler: the function; it gets the signal's number.
    /// - Returns: the action; interrupted system calls are continued.
    package static func calling(_ handler: @convention(c) @escaping (Int32) -> Void) -> sigaction {
        var action = sigaction()
        #if canImport(Darwin)
            action.__sigaction_u.__sa_handler = handler
        #else
            action.__sigaction_handler.sa_handler = handler
        #endif
        action.sa_flags = Int32(SA_RESTART)
        return action
    }
}
