// Mistakes on the command line and in its environment: what is said names the mistake.

import ArgumentParser
import MartletCommandSupport
import Testing

@testable import MartletCLI

@Suite struct UsageTests {
    @Test(
        arguments: [
            (["nosuch", "-o", "json"], "nosuch"), (["queue", "nosuch"], "nosuch"), (["queue", "list", "x"], nil),
            (["--version"], nil), (["serve", "--http-port", "0"], nil), ([], nil), (["help", "x"], nil),
        ] as [([String], String?)])
    func `the word in place of a command is named`(arguments: [String], word: String?) {
        #expect(ProgramRun.unknownCommand(arguments, of: MartletCommand.self) == word)
    }

    @Test func `a token may end with a line break, and must else be visible characters`() throws {
        let options = try ClientOptions.parse([])
        #expect(try options.secret(["MARTLET_TOKEN": "abc\n"]) == "abc")
        #expect(try options.secret(["MARTLET_TOKEN": "abc\r\n"]) == "abc")
        for bad in ["a\nb", "a b", "a\u{0}", "ä"] {
            let error = #expect(throws: CommandFailure.self) { try options.secret(["MARTLET_TOKEN": bad]) }
            #expect(error?.code == .usage && error?.message.hasPrefix("MARTLET_TOKEN: ") == true)
        }
    }
}
