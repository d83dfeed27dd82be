// Requests become exactly the bytes that RESP asks for.

import NIOCore
import Testing

@testable import MartletRedis

@Suite struct RequestEncoderTests {
    private func encoded(_ request: RedisRequest, as form: RequestForm = .named) -> String {
        var buffer = ByteBuffer()
        buffer.writeRequest(request, as: form)
        return String(buffer: buffer)
    }

    @Test func `a command is an array of bulk strings`() {
        #expect(encoded(.command("SET", "k", "väl")) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nväl\r\n")
    }

    @Test func `empty arguments and arguments with line ends keep their length`() {
        #expect(encoded(.command("ECHO", "")) == "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n")
        #expect(encoded(.command("ECHO", "a\r\nb")) == "*2\r\n$4\r\nECHO\r\n$4\r\na\r\nb\r\n")
    }

    @Test(arguments: [0, 7, 9, 10, -1, -10, 99, 100, 12_345_678, Int.max, Int.min])
    func `a number is its decimal digits`(_ number: Int) {
        var arguments = RedisArguments()
        arguments.append(number)
        let digits = String(number)
        #expect(String(decoding: arguments.encoded, as: UTF8.self) == "$\(digits.utf8.count)\r\n\(digits)\r\n")
        #expect(arguments.count == 1)
        #expect(arguments.byteCount == arguments.encoded.count)
    }

    @Test func `bytes that are not UTF-8 pass unchanged`() {
        var arguments = RedisArguments()
        arguments.append([0, 255, 13, 10, 0])
        #expect(arguments.encoded == Array("$5\r\n".utf8) + [0, 255, 13, 10, 0] + Array("\r\n".utf8))
    }

    @Test func `lists are joined in order`() {
        var all = RedisArguments("a")
        all.append(contentsOf: RedisArguments("b", "c"))
        all.append(contentsOf: RedisArguments())
        #expect(all == RedisArguments("a", "b", "c"))
        #expect(all.count == 3)
    }

    @Test func `a script is sent by its digest, and with its source when the digest is unknown`() {
        let script = RedisScript(
            name: "s", source: Array("return 1".utf8), sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        let request = RedisRequest.script(script, keys: RedisArguments("k"), arguments: RedisArguments("a", "b"))
        let tail = "$1\r\n1\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\nb\r\n"
        #expect(encoded(request) == "*6\r\n$7\r\nEVALSHA\r\n$40\r\n\(script.sha1)\r\n" + tail)
        #expect(encoded(request, as: .source) == "*6\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n" + tail)
    }

    @Test func `the number of keys can have two digits`() {
        var keys = RedisArguments()
        for number in 1...12 { keys.append(number) }
        let script = RedisScript(name: "s", source: [], sha1: String(repeating: "a", count: 40))
        let text = encoded(.script(script, keys: keys, arguments: RedisArguments()))
        #expect(text.hasPrefix("*15\r\n"))
        #expect(text.contains("\r\n$2\r\n12\r\n$1\r\n1\r\n"))
    }
}
