// The processes of the services' figures: a load on the HTTP server, and an origin of files.

import ArgumentParser
import FoundationEssentials
import MartletCommandSupport

struct BenchLoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "load", abstract: "Send requests to a server.")

    @Argument(help: "File that says what to send, as JSON.")
    var path: String

    func run() throws {
        let order = String(decoding: try InputFile.read(path), as: UTF8.self)
        var generator = try LoadGenerator(BenchPlace.decode(order))
        Console.standard.out(String(decoding: try JSONEncoder().encode(generator.run()), as: UTF8.self))
    }
}

struct BenchOriginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "origin", abstract: "Serve files.")

    @Argument(help: "Which files, as JSON.")
    var order: String

    func run() async throws { try await BenchOrigin.serve(BenchPlace.decode(order)) }
}
