// `martlet completion SHELL` and `martlet reference`: the commands for shells and for documentation.

import ArgumentParser
import MartletCommandSupport

struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Print a completion script for bash, zsh or fish.",
        discussion: """
            bash: martlet completion bash > ~/.local/share/bash-completion/completions/martlet
            zsh:  martlet completion zsh > _martlet, in a directory of $fpath
            fish: martlet completion fish > ~/.config/fish/completions/martlet.fish
            """)

    @Argument(help: "bash, zsh or fish.")
    var shell: Shell

    enum Shell: String, ExpressibleByArgument, CaseIterable {
        case bash, zsh, fish

        var completion: CompletionShell {
            switch self {
            case .bash: .bash
            case .zsh: .zsh
            case .fish: .fish
            }
        }
    }

    func run() { Console.standard.out(MartletCommand.completionScript(for: shell.completion)) }
}

/// Generates the article `CommandLine` and the manual page of packages.
struct ReferenceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Print the reference of all commands as Markdown or as a manual page.",
        shouldDisplay: false)

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case markdown, man
    }

    @Option(help: "markdown or man.")
    var form = Form.markdown

    func run() {
        switch form {
        case .markdown: Console.standard.text(CommandReference.markdown)
        case .man: Console.standard.text(ManualPage.text)
        }
    }
}
