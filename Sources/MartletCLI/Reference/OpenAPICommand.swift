// `martlet openapi`: the description of the HTTP API, without a server.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP

struct OpenAPICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI 3.1 document of the HTTP API.",
        discussion: "A server serves the same document at /openapi.json and /openapi.yaml.")

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case json, yaml
    }

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Form of the document: json or yaml.", valueName: "form"))
    var form = Form.json

    func run() {
        let document = APIDocument(version: Version.current)
        Console.standard.text(form == .json ? document.json : document.yaml)
    }
}
