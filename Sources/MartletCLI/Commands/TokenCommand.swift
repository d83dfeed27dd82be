// `martlet token`: generates an API token and its line for the server's token file.

import ArgumentParser
import MartletCommandSupport
import MartletHTTP
import MartletJSON

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Create an API token.",
        discussion: """
            The token goes to standard output, the line for AUTH_TOKENS_FILE to standard error: \
            martlet token shop --role produce > shop.token 2>> tokens
            """)

    private static let roleNames = Role.allCases.map(\.rawValue).joined(separator: ", ")

    @Argument(help: "Name of the owner in logs.")
    var name: String?
    @Option(
        name: .customLong("role"),
        help: ArgumentHelp("One of \(roleNames); may be given several times.", valueName: "role"))
    var roles: [String]
    @Option(help: "Queues that it has access to; * matches any characters.")
    var queues = "*"
    @OptionGroup var output: OutputOptions

    func validate() throws { _ = try parsed() }

    func run() throws {
        let (roles, glob) = try parsed()
        let token: AccessToken
        do { token = try AccessToken(name: name, roles: roles, queues: glob) } catch {
            throw CommandFailure(.usage, error.message)
        }
        guard output.format == .table else {
            return output.show(.object(["token": .string(token.secret), "line": .string(token.line)]))
        }
        Console.standard.out(token.secret)
        Console.standard.note(token.line)
    }

    private func parsed() throws -> (Set<Role>, QueueGlob) {
        let roles = try roles.flatMap { $0.split(separator: ",") }.map { word in
            guard let role = Role(rawValue: String(word)) else {
                throw ValidationError("There is no role \(word). Roles are \(Self.roleNames).")
            }
            return role
        }
        guard let glob = QueueGlob(queues) else { throw ValidationError("\(queues) is not a pattern of queue names.") }
        return (Set(roles), glob)
    }
}
