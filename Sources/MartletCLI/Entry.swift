// The command `martlet`: parses, runs, and turns every failure into an exit code and a sentence.

import ArgumentParser

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

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
            exit(finish(error, .asked(in: CommandLine.arguments)))
        }
    }

    /// Says what went wrong, or what was asked for, and answers the exit code.
    private static func finish(_ error: any Error, _ format: OutputFormat) -> Int32 {
        let console = Console.standard
        if let code = error as? ExitCode { return code.rawValue }
        switch MartletCommand.exitCode(for: error) {
        case .success:
            // A request for help, for the version or for a script of completions.
            console.out(MartletCommand.fullMessage(for: error))
            return 0
        case .validationFailure where format == .table:
            console.note(MartletCommand.fullMessage(for: error))
            return Ending.usage.rawValue
        case .validationFailure:
            console.note(CommandFailure(.usage, MartletCommand.message(for: error)).shown(as: format))
            return Ending.usage.rawValue
        default:
            let failure = CommandFailure(error)
            console.note(failure.shown(as: format))
            return failure.code.rawValue
        }
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
                    QueueCommand.self, PauseCommand.self, ResumeCommand.self, StatsCommand.self, WorkerCommand.self,
                ]),
            CommandGroup(
                name: "Other",
                subcommands: [
                    AuditCommand.self, BenchCommand.self, BenchTargetCommand.self, CompletionCommand.self,
                    DoctorCommand.self, ReferenceCommand.self, TokenCommand.self, VersionCommand.self,
                ]),
        ])
}
