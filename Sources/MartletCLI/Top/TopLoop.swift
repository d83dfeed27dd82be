// Runs `martlet top`: hands input to its state, does what that says, and draws its screen.

import MartletCommandSupport
import MartletJSON
import NIOCore
import NIOHTTP1

/// The program around a ``TopState``.
struct TopLoop {
    /// How long a request may take; a server that hangs is a lost one.
    static let timeout = TimeAmount.seconds(5)
    /// How often ages are brought up to date, and whether a round is due is looked at.
    private static let tick = Duration.milliseconds(250)

    let client: APIClient
    /// Whether colours are allowed.
    let colors: Bool

    /// Loads parts at the same time.
    static func load(_ requests: [TopRequest], _ client: APIClient) async -> [TopAnswer] {
        await withTaskGroup(of: TopAnswer.self) { group in
            for request in requests {
                group.addTask { TopAnswer(request: request, result: await answer(request, client)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private static func answer(_ request: TopRequest, _ client: APIClient) async -> Result<JSONValue, CommandFailure> {
        do { return .success(try await client.send(.GET, request.path, timeout: timeout).value) } catch {
            return .failure(CommandFailure(error))
        }
    }

    /// Shows the state on the terminal until somebody quits.
    func run(_ first: TopState) async throws {
        let (stream, feed) = AsyncStream.makeStream(of: Event.self)
        let terminal = try TerminalInput { feed.yield(.terminal($0)) }
        defer { terminal.stop() }
        try RawTerminal.enter()
        defer { RawTerminal.leave() }
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.tick)
                    feed.yield(.input(.tick))
                }
            }
            var screen = Screen(colors: colors)
            var state = first
            let start = ContinuousClock.now
            let begin = state.now
            var pending: [TopInput] = [.size(RawTerminal.size)]
            var events = stream.makeAsyncIterator()
            while true {
                for input in pending {
                    for action in state.take(input, at: begin + (ContinuousClock.now - start) / .seconds(1)) {
                        switch action {
                        case .quit:
                            RawTerminal.leave()
                            return tasks.cancelAll()
                        case .redraw: screen.clear()
                        case .load(let requests):
                            tasks.addTask { [client] in
                                feed.yield(.input(.loaded(await Self.load(requests, client))))
                            }
                        case .act(let operation):
                            tasks.addTask { [client] in feed.yield(.input(.acted(await operation.run(client)))) }
                        }
                    }
                }
                screen.draw(state)
                guard let event = await events.next(), let inputs = inputs(of: event) else {
                    RawTerminal.leave()
                    return tasks.cancelAll()
                }
                pending = inputs
            }
        }
    }

    private enum Event: Sendable {
        case terminal(TerminalEvent)
        case input(TopInput)
    }

    /// What an event means for the state; `nil` at the end.
    private func inputs(of event: Event) -> [TopInput]? {
        switch event {
        case .input(let input): return [input]
        case .terminal(.key(let key)): return [.key(key)]
        case .terminal(.resized): return [.size(RawTerminal.size)]
        case .terminal(.suspend):
            RawTerminal.suspend()
            return []
        case .terminal(.resumed):
            guard (try? RawTerminal.enter()) != nil else { return nil }
            return [.size(RawTerminal.size)]
        case .terminal(.end): return nil
        }
    }

    /// The terminal's lines.
    private struct Screen {
        let colors: Bool
        private var frame = FrameWriter()

        init(colors: Bool) { self.colors = colors }

        mutating func clear() { Console.standard.control(frame.clear()) }

        mutating func draw(_ state: TopState) {
            let lines = state.screen.map { $0.rendered(width: state.size.columns, colors: colors) }
            let update = frame.update(lines)
            if !update.isEmpty { Console.standard.control(update) }
        }
    }
}
