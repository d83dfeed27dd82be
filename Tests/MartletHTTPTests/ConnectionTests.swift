// Too many connections, and connections that do nothing: who is answered all the same, and who has to go.

import MartletHTTP
import TestSupport
import Testing

@Suite struct ConnectionTests {
    private static let get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"

    /// A head that does not end.
    private static let endless = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + String(repeating: "x", count: 1000)

    /// Opens connections that stay.
    private static func hold(_ count: Int, _ server: TestServer, from address: String = "127.0.0.1") async throws
        -> [HeldConnection]
    {
        var held: [HeldConnection] = []
        for _ in 0..<count { held.append(try await HeldConnection(port: server.port, from: address)) }
        return held
    }

    /// A request that is under way for as long as its client waits.
    private static func waiting(_ server: TestServer) async throws -> String {
        let id = try #require(try await server.post("/api/v1/jobs", #"{"type":"t","queue":"q"}"#)["id"])
        return "GET /api/v1/jobs/\(id)?wait=300 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    }

    /// Holds connections on each of which a request is under way for as long as its client waits.
    private static func occupy(_ count: Int, _ server: TestServer, from address: String) async throws
        -> [HeldConnection]
    {
        let request = try await waiting(server)
        let held = try await hold(count, server, from: address)
        for connection in held {
            // The first answer says that the second request, sent with it, has come too.
            try await connection.send(get + request)
            try await eventually("it is answered") { connection.received.contains("200 OK") }
        }
        return held
    }

    @Test func `a silent connection has the deadline of a head, and gets no answer`() async throws {
        try await withServer(settings: { $0.headDeadline = .milliseconds(300) }) { server in
            let held = try await Self.hold(20, server)
            try await eventually("all are closed") { held.allSatisfy { !$0.isOpen } }
            #expect(held.allSatisfy { $0.received.isEmpty })
        }
    }

    @Test func `silent, slow and idle connections do not delay other clients`() async throws {
        // What nobody may have to wait for is the end of an attacker's time.
        let attackersTime = Duration.seconds(15)
        try await withServer(settings: {
            $0.maxConnections = 200
            $0.maxConnectionsPerAddress = 40
            $0.headDeadline = attackersTime
        }) { server in
            try await withThrowingTaskGroup(of: Void.self) { attack in
                for number in 0..<300 {
                    let address = "127.0.0.\(2 + number % 3)"
                    attack.addTask {
                        let connection = try await HeldConnection(port: server.port, from: address)
                        switch number % 3 {
                        case 0: break
                        case 1: await connection.trickle(Self.endless, every: .milliseconds(80))
                        default: try? await connection.send(Self.get)
                        }
                        try await eventually(within: .seconds(60), "its time is over") {
                            number % 3 == 2 || !connection.isOpen
                        }
                    }
                }
                for _ in 0..<40 {
                    let start = ContinuousClock.now
                    #expect(try await server.get("/livez").status == 200)
                    #expect(ContinuousClock.now - start < attackersTime)
                }
                try await attack.waitForAll()
            }
        }
    }

    @Test func `when the server is full, the connection idle for longest is closed`() async throws {
        try await withServer(settings: { $0.maxConnections = 4 }) { server in
            var held: [HeldConnection] = []
            for _ in 0..<4 {
                let connection = try await HeldConnection(port: server.port)
                try await connection.send(Self.get)
                try await eventually("it is answered") { connection.received.contains("200 OK") }
                held.append(connection)
            }
            // Who asks again is not the one that is idle for longest any more.
            try await held[0].send(Self.get)
            let first = held[0]
            try await eventually("it is answered again") { first.received.split(separator: "200 OK").count == 3 }
            let newcomer = try await HeldConnection(port: server.port)
            try await newcomer.send(Self.get)
            try await eventually("the newcomer is answered") { newcomer.received.contains("200 OK") }
            let second = held[1]
            try await eventually("the second one is closed") { !second.isOpen }
            #expect(held[0].isOpen && held[2].isOpen && held[3].isOpen)
        }
    }

    @Test func `when every connection has a request, a new one gets Retry-After`() async throws {
        try await withServer(settings: {
            $0.maxConnections = 3
            $0.maxConnectionsPerAddress = 2
            $0.longestWait = .seconds(300)
        }) { server in
            // The client that pushes the job keeps its connection, and is idle: another takes its place.
            var busy = try await Self.occupy(2, server, from: "127.0.0.2")
            let addressIsFull = try await HeldConnection(port: server.port, from: "127.0.0.2")
            try await eventually("its address has too many") { addressIsFull.received.contains("too-many-connections") }
            #expect(addressIsFull.received.hasPrefix("HTTP/1.1 429"))
            #expect(addressIsFull.received.lowercased().contains("retry-after: 1"))
            busy += try await Self.occupy(1, server, from: "127.0.0.3")
            let serverIsFull = try await HeldConnection(port: server.port, from: "127.0.0.4")
            try await eventually("the server has too many") { serverIsFull.received.contains("server-full") }
            #expect(serverIsFull.received.hasPrefix("HTTP/1.1 503"))
            #expect(busy.allSatisfy { $0.isOpen })
            try await busy[0].close()
            try await eventually("there is a place again") {
                let next = try await HeldConnection(port: server.port, from: "127.0.0.4")
                // A refused connection ends by itself, perhaps before this is sent.
                try? await next.send(Self.get)
                try await eventually("it is answered") { next.received.contains("HTTP/1.1") || !next.isOpen }
                return next.received.contains("200 OK")
            }
        }
    }

    @Test func `probes are answered on their own listener while the first one is full`() async throws {
        try await withServer(settings: {
            $0.probePort = 0
            $0.maxConnections = 2
            $0.longestWait = .seconds(300)
        }) { server in
            let probes = try #require(server.probes)
            let busy = try await Self.occupy(2, server, from: "127.0.0.2")
            let refused = try await HeldConnection(port: server.port)
            try await eventually("the first listener is full") { refused.received.contains("HTTP/1.1 503") }
            for path in ["/livez", "/readyz", "/health", "/ready", "/metrics"] {
                #expect(try await probes.get(path).status == 200, "\(path)")
            }
            #expect(try await probes.get("/livez", headers: [("host", "10.1.2.3:8081")]).status == 200)
            #expect(try await probes.get("/metrics", headers: [("host", "10.1.2.3:8081")]).status == 403)
            #expect(try await probes.get("/api/v1/stats").status == 404)
            #expect(busy.allSatisfy { $0.isOpen })
        }
    }

    @Test func `the metrics of the listener for probes need a token where there are tokens`() async throws {
        let token = try newToken("t", [.read])
        try await withServer(settings: { $0.probePort = 0 }, tokens: token.line) { server in
            let probes = try #require(server.probes)
            #expect(try await probes.get("/metrics").status == 401)
            #expect(try await probes.with(token: token.secret).get("/metrics").status == 200)
            #expect(try await probes.get("/livez", headers: [("host", "anything")]).status == 200)
        }
    }
}
