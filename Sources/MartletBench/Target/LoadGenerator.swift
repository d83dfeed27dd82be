// A generator of HTTP load in a process of its own: keep-alive connections that each wait for their answer.

import FoundationEssentials
import MartletCommandSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What load is wanted.
struct LoadOrder: Codable, Sendable, Equatable {
    var port: Int
    var connections: Int
    /// How many requests in all; `nil` stands for as many as the time allows.
    var requests: Int?
    var seconds: Double?
    var method: String
    var path: String
    var body: String?
}

/// The result of a load.
struct LoadReport: Codable, Sendable, Equatable {
    var requests = 0
    /// Answers other than 2xx.
    var failed = 0
    var seconds = 0.0
    /// The processor time of the generator, in seconds.
    var cpu = 0.0
    /// Times from a request to its whole answer, in seconds.
    var p50 = 0.0
    var p99 = 0.0
}

/// Sends one request after another on each of its connections, from one thread.
struct LoadGenerator {
    /// A connection and what has come of the answer that it waits for.
    private struct Connection {
        var socket: Int32
        var answer: [UInt8] = []
        var sent = 0.0
    }

    private let order: LoadOrder
    private let request: [UInt8]
    private var connections: [Connection] = []
    private var polled: [pollfd] = []
    private var times: [Double] = []
    private var report = LoadReport()
    private var started = 0

    init(_ order: LoadOrder) throws {
        self.order = order
        var head = "\(order.method) \(order.path) HTTP/1.1\r\nhost: 127.0.0.1:\(order.port)\r\n"
        if let body = order.body {
            head += "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n"
        }
        request = Array((head + "\r\n" + (order.body ?? "")).utf8)
        let address = try RedisAddress("redis://127.0.0.1:\(order.port)")
        for _ in 0..<order.connections {
            let socket = try RawSocket.open(address)
            connections.append(Connection(socket: socket))
            polled.append(pollfd(fd: socket, events: Int16(POLLIN), revents: 0))
        }
    }

    /// Runs until all requests are answered.
    mutating func run() throws -> LoadReport {
        let (start, cpu) = (BenchClock.now, BenchClock.ownCPU)
        let end = order.seconds.map { start + $0 }
        for index in connections.indices { try begin(index, until: end) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while polled.contains(where: { $0.fd >= 0 }) {
            guard poll(&polled, nfds_t(polled.count), 30_000) > 0 || errno == EINTR else {
                throw CommandFailure(.timedOut, "the server has not answered for 30 s")
            }
            for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
                try read(index, &buffer, until: end)
            }
        }
        for connection in connections { close(connection.socket) }
        report.seconds = BenchClock.now - start
        report.cpu = BenchClock.ownCPU - cpu
        let samples = Samples(times)
        report.p50 = samples.percentile(0.5) ?? 0
        report.p99 = samples.percentile(0.99) ?? 0
        return report
    }

    /// Sends the next request of a connection, or retires it when there is none.
    private mutating func begin(_ index: Int, until end: Double?) throws {
        let now = BenchClock.now
        guard started < order.requests ?? .max, end.map({ now < $0 }) ?? true else {
            polled[index].fd = -1
            return
        }
        started += 1
        connections[index].sent = now
        try RawSocket.send(request, to: connections[index].socket)
    }

    private mutating func read(_ index: Int, _ buffer: inout [UInt8], until end: Double?) throws {
        let count = try RawSocket.receive(from: connections[index].socket, into: &buffer, at: 0)
        connections[index].answer += buffer[..<count]
        guard let status = HTTPAnswer.status(connections[index].answer) else { return }
        connections[index].answer.removeAll(keepingCapacity: true)
        times.append(BenchClock.now - connections[index].sent)
        report.requests += 1
        if !(200..<300).contains(status) { report.failed += 1 }
        try begin(index, until: end)
    }
}

/// The minimal HTTP parsing that finds where a response ends.
enum HTTPAnswer {
    private static let lengthField = Array("content-length:".utf8)

    /// The status of an answer that is there as a whole; `nil` while some of it is missing.
    static func status(_ bytes: [UInt8]) -> Int? {
        var (line, length, index) = (0, 0, 0)
        while index + 1 < bytes.count {
            guard bytes[index] == 13, bytes[index + 1] == 10 else {
                index += 1
                continue
            }
            if index == line {
                guard bytes.count >= index + 2 + length, bytes.count > 12 else { return nil }
                return number(bytes[9..<12])
            }
            if let value = contentLength(bytes[line..<index]) { length = value }
            index += 2
            line = index
        }
        return nil
    }

    private static func contentLength(_ line: ArraySlice<UInt8>) -> Int? {
        guard line.count > lengthField.count, zip(line, lengthField).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) else {
            return nil
        }
        return number(line.dropFirst(lengthField.count))
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int {
        digits.reduce(0) { (48...57).contains($1) ? $0 * 10 + Int($1) - 48 : $0 }
    }
}
