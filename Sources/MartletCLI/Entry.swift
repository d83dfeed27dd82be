// The command `martlet`: parses, runs, and turns every failure into a sentence and an exit code.

import ArgumentParser
import MartletCommandSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@main
struct Entry {
    static func main() async { exit(await ProgramRun.run(MartletCommand.self)) }
}

/// The root command.
struct MartletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "A job queue on Redis with a built-in download job.",
        discussion: """
            Data goes to standard output, all else to standard error. Exit codes: 0 done, 1 failed, 2 partly done, \
            3 waited too long, 4 not allowed, 5 not found, 6 wrong state, 7 the awaited job failed, 64 usage, \
            69 server or Redis not reached, 78 configuration.
            """,
        version: Version.current,
        groupedSubcommands: [
            CommandGroup(
                name: "Processes",
                subcommands: [DevCommand.self, DemoCommand.self, ServeCommand.self, WorkCommand.self]),
            CommandGroup(name: "Jobs", subcommands: [DownloadCommand.self, EnqueueCommand.self, JobCommand.self]),
            CommandGroup(
                name: "Operations",
                subcommands: [
                    QueueCommand.self, LimitCommand.self, PauseCommand.self, ResumeCommand.self, StatsCommand.self,
                    WorkerCommand.self,
                    ErrorsCommand.self, EventsCommand.self, AuditLogCommand.self, TopCommand.self,
                ]),
            CommandGroup(
                name: "Other",
                subcommands: [
                    AuditCommand.self, CompletionCommand.self, DoctorCommand.self, MCPCommand.self, OpenAPICommand.self,
                    ReferenceCommand.self, TokenCommand.self, VersionCommand.self,
                ]),
        ])
}
