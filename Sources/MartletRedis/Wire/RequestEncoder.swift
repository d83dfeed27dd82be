// Encodes requests as RESP into a shared buffer.

import NIOCore

extension ByteBuffer {
    /// Appends `request` as a RESP array of bulk strings.
    ///
    /// - Parameters:
    ///   - request: the request.
    ///   - form: how a function or a script is called; commands have one form only.
    mutating func writeRequest(_ request: RedisRequest, as form: RequestForm = .named) {
        switch request {
        case .command(let arguments):
            writeArrayHeader(arguments.count)
            writeBytes(arguments.encoded)
        case .script(let script, let keys, let arguments):
            writeArrayHeader(3 + keys.count + arguments.count)
            writeHead(script, as: form)
            writeWords(keys, arguments)
        case .function(let function, let keys, let arguments):
            writeArrayHeader(3 + keys.count + arguments.count)
            if form == .named { writeBytes(function.head) } else { writeHead(function.script, as: form) }
            writeWords(keys, arguments)
        }
    }

    private mutating func writeHead(_ script: RedisScript, as form: RequestForm) {
        if form == .source {
            writeStaticString("$4\r\nEVAL\r\n")
            writeBulk(script.source)
        } else {
            writeStaticString("$7\r\nEVALSHA\r\n$40\r\n")
            writeString(script.sha1)
            writeStaticString("\r\n")
        }
    }

    private mutating func writeWords(_ keys: RedisArguments, _ arguments: RedisArguments) {
        writeBulk(keys.count)
        writeBytes(keys.encoded)
        writeBytes(arguments.encoded)
    }

    private mutating func writeArrayHeader(_ count: Int) {
        writeInteger(UInt8(ascii: "*"))
        writeDecimal(count.magnitude)
        writeStaticString("\r\n")
    }

    private mutating func writeBulk(_ bytes: [UInt8]) {
        writeInteger(UInt8(ascii: "$"))
        writeDecimal(bytes.count.magnitude)
        writeStaticString("\r\n")
        writeBytes(bytes)
        writeStaticString("\r\n")
    }

    private mutating func writeBulk(_ number: Int) {
        writeInteger(UInt8(ascii: "$"))
        writeDecimal(RedisArguments.decimalWidth(of: number).magnitude)
        writeStaticString("\r\n")
        writeDecimal(number.magnitude)
        writeStaticString("\r\n")
    }

    private mutating func writeDecimal(_ number: UInt) {
        if number >= 10 { writeDecimal(number / 10) }
        writeInteger(UInt8(ascii: "0") + UInt8(number % 10))
    }
}
