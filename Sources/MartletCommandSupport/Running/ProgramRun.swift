// From the command line to an exit code: parses, runs, and turns every failure into a sentence.

package import ArgumentParser
import MartletProcess

/// Runs a program that consists of commands.
package enum ProgramRun {
    /// Runs the command that the arguments of this process name, and shows why it failed if it does.
    ///
    /// - Parameter root: the root of all commands; its name stands before failures.
    /// - Returns: the exit code of the process.
    package static func run(_ root: any ParsableCommand.Type) async -> Int32 {
        let status = await status(of: root)
        guard status == 0, let reason = Console.outputFailure else { return status }
        let failure = CommandFailure(.failed, "cannot write to standard output: \(SystemReason.text(reason))")
        Console.standard.note(failure.shown(as: .asked(in: CommandLine.arguments), by: name(of: root)))
        return failure.code.rawValue
    }

    private static func status(of root: any ParsableCommand.Type) async -> Int32 {
        do {
            var command = try root.parseAsRoot()
            if var waiting = command as? any AsyncParsableCommand {
                try await waiting.run()
            } else {
                try command.run()
            }
            return 0
        } catch {
            return finish(error, of: root, .asked(in: CommandLine.arguments))
        }
    }

    /// Says what went wrong, or what was asked for, and returns the exit code.
    private static func finish(
        _ error: any Error, of root: any ParsableCommand.Type, _ format: OutputFormat
    ) -> Int32 {
        let console = Console.standard
        let name = name(of: root)
        if let code = error as? ExitCode { return code.rawValue }
        let unknown = unknownCommand(CommandLine.arguments.dropFirst(), of: root)
        switch root.exitCode(for: error) {
        case .success:
            // A request for help, for the version or for a script of completions.
            console.out(root.fullMessage(for: error))
            return 0
        case .validationFailure where unknown != nil:
            let word = TerminalText.oneLine(unknown ?? "")
            let message = "there is no command \"\(word)\"; \(name) --help lists them"
            console.note(CommandFailure(.usage, message).shown(as: format, by: name))
            return CommandExitCode.usage.rawValue
        case .validationFailure where format == .table:
            console.note(root.fullMessage(for: error))
            return CommandExitCode.usage.rawValue
        case .validationFailure:
            console.note(CommandFailure(.usage, root.message(for: error)).shown(as: format, by: name))
            return CommandExitCode.usage.rawValue
        default:
            let failure = CommandFailure(error)
            console.note(failure.shown(as: format, by: name))
            return failure.code.rawValue
        }
    }

    private static func name(of root: any ParsableCommand.Type) -> String {
        root.configuration.commandName ?? "martlet"
    }

    /// The first word where a command should stand and none of that name exists.
    ///
    /// The parser itself would name the first option, which belongs to the command that is not there.
    package static func unknownCommand(
        _ arguments: some Sequence<String>, of root: any ParsableCommand.Type
    ) -> String? {
        var place = root
        for word in arguments {
            let subcommands = place.configuration.subcommands
            guard !subcommands.isEmpty, place.configuration.defaultSubcommand == nil else { return nil }
            if word.hasPrefix("-") || word == "help" { return nil }
            guard let next = subcommands.first(where: { names(of: $0).contains(word) }) else { return word }
            place = next
        }
        return nil
    }

    private static func names(of command: any ParsableCommand.Type) -> [String] {
        [command.configuration.commandName ?? "\(command)".lowercased()] + command.configuration.aliases
    }
}
