// The article `CommandLine` lists the commands as they are, and completion scripts are there for three shells.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import TestSupport
import Testing

@testable import MartletCLI

@Suite struct ReferenceTests {
    private var article: String {
        get throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent()
            let path = root.appending(path: "Sources/Martlet/Martlet.docc/CommandLine.md").path
            return String(decoding: try #require(FileManager.default.contents(atPath: path)), as: UTF8.self)
        }
    }

    @Test func `the article lists every command as it is`() throws {
        let parts = try article.components(separatedBy: CommandReference.marker + "\n")
        try #require(parts.count == 2)
        let written = parts[1].split(separator: "\n")
        let actual = CommandReference.markdown.split(separator: "\n")
        let first = zip(written, actual).first { $0 != $1 }
        #expect(
            written == actual,
            """
            stale at "\(first?.0 ?? "")", it is "\(first?.1 ?? "")". Replace what stands behind the marker in \
            CommandLine.md by the output of: martlet reference
            """)
    }

    @Test func `the reference has every command that people see, and none that they do not`() {
        let text = CommandReference.markdown
        for command in ["martlet enqueue", "martlet job list", "martlet queue set", "martlet doctor", "martlet dev"] {
            #expect(text.contains("# \(command)\n"))
        }
        #expect(!text.contains("martlet reference"))
        #expect(text.contains("`--completed-age TIME`") && text.contains("`-d`, `--data JSON`"))
    }

    @Test func `the manual page has every command and setting, and no line that roff takes for another macro`() {
        let lines = ManualPage.text.split(separator: "\n")
        for command in ["enqueue", "job list", "queue set", "doctor", "dev"] {
            #expect(lines.contains { $0.hasPrefix(".SS \"martlet \(command)") }, "\(command)")
        }
        for setting in Settings.all {
            #expect(lines.contains { $0.hasPrefix("\\fB\(setting.environment[0])") }, "\(setting.name)")
        }
        let macros: Set<Substring> = [".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".BR", ".nf", ".fi", ".sp"]
        let others = lines.filter { ($0.first == "." || $0.first == "'") && !macros.contains($0.prefix { $0 != " " }) }
        #expect(others.isEmpty)
    }

    @Test func `every exit code is in the help and in the article`() throws {
        let help = MartletCommand.helpMessage(columns: 200).replacing("\n", with: " ")
        for code: CommandExitCode in [
            .failed, .partial, .timedOut, .authentication, .notFound, .wrongState, .jobFailed, .usage, .unavailable,
            .configuration,
        ] {
            #expect(help.contains(" \(code.rawValue) "), "\(code.rawValue)")
            #expect(try article.contains("| \(code.rawValue) |"))
        }
    }

    @Test(arguments: [("bash", "complete"), ("zsh", "compdef"), ("fish", "complete -c")])
    func `completion is a command, and the help names it`(_ shell: String, _ word: String) throws {
        #expect(MartletCommand.helpMessage().contains("completion"))
        let command = try CompletionCommand.parse([shell])
        let script = MartletCommand.completionScript(for: command.shell.completion)
        #expect(script.contains(word) && script.contains("enqueue"))
    }

    /// Dictionaries of two processes differ in their order.
    @Test func `the document of the API is the same in every process`() async throws {
        let directory = temporaryDirectory("openapi")
        var texts: Set<String> = []
        for _ in 0..<3 {
            let result = try await CommandResult.of(Program.path, ["openapi"], environment: [:], in: directory)
            #expect(result.status == 0, "\(result.errors)")
            texts.insert(result.output)
        }
        #expect(texts.count == 1)
    }
}
