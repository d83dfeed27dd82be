// A program on a pseudo-terminal, and what its screen shows.

import Dispatch
import MartletProcess
import Synchronization
import Testing

@testable import MartletCLI

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program on a terminal of its own.
final class PseudoTerminal: Sendable {
    private let main: Int32
    private let side: Int32
    private let processID: Int32
    private let written = Mutex<[UInt8]>([])
    private let ending = Mutex<Int32?>(nil)

    /// Starts the built command on a new terminal.
    init(_ arguments: [String], environment: [String: String], columns: Int = 80, rows: Int = 24) throws {
        var (main, side) = (Int32(-1), Int32(-1))
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        try #require(openpty(&main, &side, nil, nil, &size) == 0)
        for end in [main, side] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (self.main, self.side) = (main, side)
        let ends: [Int32: ChildProgram.Source] = [0: .descriptor(side), 1: .descriptor(side), 2: .descriptor(side)]
        processID = try ChildProgram(Program.path, arguments, environment: environment, descriptors: ends).start()
        DispatchQueue(label: "terminal").async { self.collect() }
    }

    /// Kills the program if it runs, and gives the terminal back.
    func end() {
        if status == nil {
            send(SIGKILL)
            waitpid(processID, nil, 0)
        }
        close(side)
    }

    /// Reads until nobody has the terminal open.
    private func collect() {
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(main, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written.withLock { $0 += block.prefix(count) }
        }
        close(main)
    }

    /// Everything that the program wrote.
    var output: String { written.withLock { String(decoding: $0, as: UTF8.self) } }

    /// The exit code, or 128 and the number of the signal that ended it; `nil` while it runs.
    var status: Int32? {
        ending.withLock { ending in
            if let ending { return ending }
            var word: Int32 = 0
            guard waitpid(processID, &word, WNOHANG) == processID else { return nil }
            let signal = word & 0x7F
            ending = signal == 0 ? (word >> 8) & 0xFF : 128 + signal
            return ending
        }
    }

    /// Whether the program was stopped and not continued.
    var isStopped: Bool {
        let text = TestStack.text("/proc/\(processID)/stat")
        return text.split(separator: ")").last?.split(separator: " ").first == "T"
    }

    func send(_ signal: Int32) { kill(processID, signal) }

    /// Types on the terminal's keyboard.
    func type(_ text: String) {
        var bytes = Array(text.utf8)
        _ = write(main, &bytes, bytes.count)
    }

    /// Changes the size of the terminal.
    func resize(columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(main, UInt(TIOCSWINSZ), &size)
        // The kernel tells the processes of a session's own terminal only, and this is nobody's.
        send(SIGWINCH)
    }

    /// The settings of the terminal, as bytes that can be compared.
    var settings: [UInt8] {
        var settings = termios()
        memset(&settings, 0, MemoryLayout<termios>.size)
        tcgetattr(side, &settings)
        return withUnsafeBytes(of: &settings) { Array($0) }
    }

    /// The lines on the screen, without styles.
    var screen: [String] {
        var screen = ScreenModel()
        screen.write(output)
        return screen.lines
    }
}

/// The part of a terminal that `martlet top` uses.
private struct ScreenModel {
    private(set) var lines: [String] = []
    private var row = 0

    mutating func write(_ text: String) {
        var rest = Array(text.unicodeScalars)[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\u{1B}" else {
                put(scalar)
                continue
            }
            guard rest.popFirst() == "[" else { continue }
            let parameters = rest.prefix { !(0x40...0x7E).contains($0.value) }
            rest = rest.dropFirst(parameters.count)
            control(rest.popFirst(), String(String.UnicodeScalarView(parameters)))
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        while lines.count <= row { lines.append("") }
        lines[row].unicodeScalars.append(scalar)
    }

    private mutating func control(_ letter: Unicode.Scalar?, _ parameters: String) {
        switch (letter, parameters) {
        case ("H", _):
            // Lines are always written from their beginning.
            row = (Int(parameters.prefix { $0 != ";" }) ?? 1) - 1
            if row < lines.count { lines[row] = "" }
        case ("J", "2"): lines = []
        case ("J", _): lines = Array(lines.prefix(row))
        default: break
        }
    }
}
