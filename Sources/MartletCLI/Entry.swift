// The command `martlet`: parses, runs, and turns every failure into an exit code and a sentence.

import ArgumentParser

@main
struct Entry {
    static func main() async {
        do {
            var command = try MartletCommand.parseAsRoot()
            if var waiting = command as? any AsyncParsableCommand {
                try await waiting.run()
            } else {
                try command.run()
            }
        } catch {
            finish(error)
        }
    }

    /// Says what went wrong and ends the process with the code for it.
    private static func finish(_ error: any Error) -> Never {
        guard let failure = CommandFailure(error) else { MartletCommand.exit(withError: error) }
        Console.standard.note("martlet: \(failure.message)")
        MartletCommand.exit(withError: ExitCode(failure.code.rawValue))
    }
}

/// The root of all commands.
struct MartletCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "A job queue on Redis, and the downloads it runs.",
        discussion: """
            Data goes to standard output, all else to standard error. Exit codes: 0 done, 1 failed, 2 partly done, \
            3 waited too long, 4 not allowed, 5 not found, 6 wrong state, 7 the awaited job failed, 64 usage, \
            69 server or Redis away, 78 configuration.
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
                    QueueCommand.self, PauseCommand.self, ResumeCommand.self, StatsCommand.self, WorkerCommand.self,
                ]),
            CommandGroup(
                name: "Other",
                subcommands: [
                    AuditCommand.self, BenchCommand.self, BenchTargetCommand.self, DoctorCommand.self,
                    TokenCommand.self, VersionCommand.self,
                ]),
        ])
}
