// Whether this process was started by a worker to run one job, and whether the code that asks belongs to that job.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process that a worker started for one job with `runsOn: .process`: the same program with the same arguments.
package enum OneJobProcess {
    /// Set in the environment of such a process.
    package static let variable = "MARTLET_ISOLATED_JOB"

    /// Whether this process is one.
    ///
    /// Read once, since the variable is removed before the job begins: what the job starts is no such process.
    package static let isHere = getenv(variable) != nil

    /// Whether the current task belongs to the job.
    @TaskLocal package static var isInJob = false

    /// Whether the caller is part of a program that runs again only for the sake of one job.
    ///
    /// What such a program does before its worker runs must have no effect a second time.
    package static var isBesideJob: Bool { isHere && !isInJob }
}
