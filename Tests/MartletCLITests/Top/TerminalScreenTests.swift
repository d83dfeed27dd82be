// Keys from bytes, lines with styles, and what of a screen is written again.

import MartletCommandSupport
import Testing

@testable import MartletCLI

@Suite struct TerminalScreenTests {
    @Test(
        arguments: [
            ("a", [.character("a")]), ("é", [.character("é")]), ("日", [.character("日")]), ("\r", [.enter]),
            ("\t", [.tab]),
            ("\u{7F}", [.backspace]), ("\u{1B}[A", [.up]), ("\u{1B}OB", [.down]), ("\u{1B}[5~", [.pageUp]),
            ("\u{1B}[4~", [.end]), ("\u{1B}[1;5C", []), ("\u{1B}x", []), ("\u{1}\u{2}q", [.character("q")]),
            ("\u{1B}[200~", []),
        ] as [(String, [Key])])
    func `bytes become keys, also one by one`(_ text: String, _ keys: [Key]) {
        var parser = KeyParser()
        #expect(parser.take(text.utf8) == keys)
        var slow = KeyParser()
        #expect(text.utf8.flatMap { slow.take([$0]) } == keys && !slow.isWaiting)
    }

    @Test func `Escape alone is a key once nothing follows it`() {
        var parser = KeyParser()
        #expect(parser.take([0x1B]).isEmpty && parser.isWaiting)
        #expect(parser.flush() == .escape && !parser.isWaiting)
        #expect(parser.take([0x1B, 0x5B]).isEmpty && parser.flush() == nil)
        #expect(parser.take([0x41]) == [.character("A")])
    }

    @Test func `no bytes crash the parser or stay for ever`() {
        var parser = KeyParser()
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max { _ = parser.take([first, second]) }
        }
        _ = parser.take([0x1B, 0x5B] + [UInt8](repeating: 0x30, count: 1000))
        _ = parser.flush()
        #expect(parser.take([0x71]) == [.character("q")])
    }

    @Test func `a line is cleaned and cut, and has colours only where they are allowed`() {
        let line = ScreenLine([TextSpan("ab\u{1B}[2J", .bad), TextSpan("cd", .bold)])
        #expect(line.rendered(width: 80, colors: true) == "\u{1B}[31mab\\u{1b}[2J\u{1B}[0m\u{1B}[1mcd\u{1B}[0m")
        #expect(line.rendered(width: 80, colors: false) == "ab\\u{1b}[2J\u{1B}[1mcd\u{1B}[0m")
        #expect(ScreenLine("日本語").rendered(width: 5, colors: true) == "日本")
    }

    @Test func `only lines that changed are written again`() {
        var frame = FrameWriter()
        #expect(frame.update(["a", "b"]) == "\u{1B}[1;1Ha\u{1B}[K\u{1B}[2;1Hb\u{1B}[K")
        #expect(frame.update(["a", "c"]) == "\u{1B}[2;1Hc\u{1B}[K")
        #expect(frame.update(["a", "c"]).isEmpty)
        #expect(frame.update(["a"]) == "\u{1B}[2;1H\u{1B}[J")
        #expect(frame.clear() == "\u{1B}[2J" && frame.update(["a"]) == "\u{1B}[1;1Ha\u{1B}[K")
    }
}
