// Detects whether a worker started this process for one job, and whether the current code belongs to that job.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process that a worker started for one job with `runsOn: .process`: the same program with the same arguments.
package enum OneJobProcess {
    /// The environment variable of such a process.
    package static let variable = "MARTLET_ISOLATED_JOB"

    /// Whether this process is one.
    ///
    /// It is read once, since the variable is removed before the job begins: processes that the job starts are not
    /// isolated.
    package static let isHere = getenv(variable) != nil

    /// Whether the current task belongs to the job.
    @TaskLocal package static var isInJob = false

    /// Whether the caller belongs to the program around an isolated job rather than to the job.
    ///
    /// The program's actions before its worker runs must have no effect a second time.
    package static var isBesideJob: Bool { isHere && !isInJob }
}
