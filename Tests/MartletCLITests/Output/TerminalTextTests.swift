// Texts from outside on a terminal: nothing moves the cursor, changes colours or turns a line around.

import ArgumentParser
import MartletCommandSupport
import MartletJSON
import Testing

@testable import MartletCLI

private let controls: [Unicode.Scalar] =
    (0..<0x20).compactMap { Unicode.Scalar($0) } + (0x7F..<0xA0).compactMap { Unicode.Scalar($0) }
private let directions: [Unicode.Scalar] = [
    "\u{61C}", "\u{200B}", "\u{200E}", "\u{200F}", "\u{202A}", "\u{202B}", "\u{202C}", "\u{202D}", "\u{202E}",
    "\u{2028}",
    "\u{2029}", "\u{2066}", "\u{2067}", "\u{2068}", "\u{2069}", "\u{FEFF}", "\u{AD}", "\u{E0041}",
]

@Suite struct TerminalTextTests {
    @Test func `no control or direction character reaches a stream, whichever way it is written`() throws {
        for scalar in controls + directions where scalar != "\n" && scalar != "\t" {
            let hostile = "a\(Character(scalar))b"
            let item = JSONValue.object([
                "id": .string(hostile), "\(hostile)": .object(["\(hostile)": .string(hostile)]),
            ])
            for form in OutputFormat.allCases {
                let written = Written(width: 80)
                let output = try OutputOptions.parse(["-o", form.rawValue])
                output.show(item, console: written.console)
                output.show([item], as: ItemView(.text("ID", "id")), console: written.console)
                written.console.note(CommandFailure(.failed, hostile).shown(as: form))
                written.console.status(hostile)
                let text = (written.text + written.notes).replacing("\r\u{1B}[K", with: "")
                #expect(!text.unicodeScalars.contains(scalar), "U+\(String(scalar.value, radix: 16)) as \(form)")
            }
        }
    }

    @Test func `a removed character is spelled out in its place`() {
        #expect(TerminalText.clean("a\u{9B}31m\n\tb\u{202E}") == "a\\u{9b}31m\n\tb\\u{202e}")
        #expect(TerminalText.oneLine("a\r\nb\tc\u{1B}[2J") == "a b c\\u{1b}[2J")
    }

    @Test(arguments: ["plain", "ü ñ 日本語", "👩‍👩‍👧", "नमस्ते", "مرحبا", "e\u{301}"])
    func `ordinary text is unchanged`(_ text: String) {
        #expect(TerminalText.clean(text) == text)
        #expect(TerminalText.oneLine(text) == text)
    }

    @Test(arguments: [("abc", 3), ("日本", 4), ("e\u{301}", 1), ("👩‍👩‍👧", 2), ("ü", 1), ("", 0)])
    func `the columns of a text are those of a terminal`(_ text: String, _ columns: Int) {
        #expect(text.columns == columns)
    }

    @Test func `an error of an origin cannot draw on the terminal of whoever lists it`() throws {
        let written = Written(width: 80)
        let download = JSONValue.object([
            "id": "01k", "status": "failed", "filename": "\u{202E}gpj.exe", "error": "404 \u{1B}]0;owned\u{7} \u{9B}2J",
        ])
        try OutputOptions.parse([]).show([download], as: DownloadCommand.view, console: written.console)
        #expect(written.text.contains("\\u{202e}gpj.exe"))
        #expect(!written.text.unicodeScalars.contains { $0 != "\n" && TerminalText.isUnsafe($0) })
    }
}
