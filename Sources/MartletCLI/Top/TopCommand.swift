// `martlet top`: queues, jobs, errors, workers and downloads on a screen of the terminal, live.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport
import MartletHTTP
import MartletJSON

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch and control queues, jobs, workers and downloads in the terminal.",
        discussion: """
            Press ? for the keys. Lower-case keys change only what is shown, upper-case keys act after a question. Each \
            second it sends GET /api/v1/queues and the request for the rows of the view, and each five seconds \
            GET /api/v1/workers and GET /api/v1/system. Without colours if NO_COLOR is set.
            """)

    @Flag(help: "Print the numbers and the rows of the view once, as text, and exit; needs no terminal.")
    var once = false
    @Option(help: "What is shown first: queues, jobs, errors, workers or downloads.")
    var view = TopView.queues
    @Option(help: "Only jobs of this queue.", transform: ValueRule.queue.text)
    var queue: String?
    @OptionGroup var client: ClientOptions

    func run() async throws {
        let environment = ProcessInfo.processInfo.environment
        if !once { try RawTerminal.check(term: environment["TERM"]) }
        let start = TopState(server: client.base(environment), view: view, queue: queue)
        try await client.withClient(as: "top") { client in
            // A server that is not there, or refuses, ends the command before it takes the terminal.
            let state = try await Self.loaded(start, client)
            if once { return show(state) }
            let colors = environment["NO_COLOR"].map(\.isEmpty) ?? true
            try await TopLoop(client: client, colors: colors).run(state)
        }
    }

    /// The state after the first round; throws when the queues or the rows cannot be had.
    private static func loaded(_ start: TopState, _ client: APIClient) async throws -> TopState {
        var state = start
        for case .load(let requests) in state.take(.tick, at: 0) {
            let answers = await TopLoop.load(requests, client)
            for answer in answers where answer.request == .queues || answer.request == state.list {
                _ = try answer.result.get()
            }
            _ = state.take(.loaded(answers), at: 0)
        }
        return state
    }

    private func show(_ state: TopState) {
        let console = Console.standard
        for line in state.report(width: console.width) { console.out(line) }
        QueueView.noteDamaged(state.parts[.queues]?.value ?? .null)
    }
}
