// Parses Redis URLs. Errors name the invalid part and never repeat it, since any part could hold a password.

/// The parts of a Redis URL.
struct RedisURL {
    private(set) var endpoint: RedisConfiguration.Endpoint
    private(set) var user: String?
    private(set) var password: String?
    private(set) var database = 0
    private(set) var trustRoots: String?

    init(_ url: String) throws(RedisError) {
        guard let mark = url.firstRange(of: "://") else {
            throw Self.invalid("it has no scheme; it must start with redis://, rediss:// or unix://")
        }
        guard !url.contains("#") else { throw Self.invalid("it has a fragment; write # as %23") }
        guard !url.utf8.contains(0) else { throw Self.invalid("it has a NUL, which no part may have") }
        let rest = url[mark.upperBound...]
        let query = rest.firstIndex(of: "?")
        let place = rest[..<(query ?? rest.endIndex)]
        let items = try Self.queryItems(query.map { rest[rest.index(after: $0)...] } ?? "")
        switch url[..<mark.lowerBound].lowercased() {
        case "redis": try self.init(server: place, tls: false)
        case "rediss": try self.init(server: place, tls: true)
        case "unix": try self.init(socket: place)
        default: throw Self.invalid("its scheme is none of redis, rediss and unix")
        }
        for (name, value) in items { try apply(name, value) }
    }

    private init(socket place: Substring) throws(RedisError) {
        let path = try Self.decoded(place, "the socket's path")
        guard path.hasPrefix("/") else { throw Self.invalid("the socket's path must be absolute: unix:///path") }
        guard path.utf8.count <= PrivateRedisServer.longestSocketPath else {
            throw Self.invalid("the socket's path is longer than 107 bytes")
        }
        endpoint = .unixSocket(path: path)
    }

    private init(server place: Substring, tls: Bool) throws(RedisError) {
        let slash = place.firstIndex(of: "/") ?? place.endIndex
        var authority = place[..<slash]
        if let at = authority.lastIndex(of: "@") {
            let who = authority[..<at]
            authority = authority[authority.index(after: at)...]
            guard let colon = who.firstIndex(of: ":") else {
                throw Self.invalid("what stands before @ must be user:password or :password")
            }
            let name = try Self.decoded(who[..<colon], "the user")
            user = name.isEmpty ? nil : name
            let secret = try Self.decoded(who[who.index(after: colon)...], "the password")
            password = secret.isEmpty && user == nil ? nil : secret
        }
        let (host, port) = try Self.hostAndPort(authority)
        endpoint = .tcp(host: host, port: port, tls: tls)
        database = try Self.databaseNumber(place[slash...].dropFirst())
    }

    private mutating func apply(_ name: String, _ value: String) throws(RedisError) {
        switch (name, endpoint) {
        case ("db", .unixSocket): database = try Self.databaseNumber(value[...])
        case ("user", .unixSocket): user = value
        case ("password", .unixSocket): password = value
        case ("ca", .tcp(_, _, tls: true)): trustRoots = value
        default: throw Self.invalid("it has a query item that this scheme does not take")
        }
    }

    private static func hostAndPort(_ authority: Substring) throws(RedisError) -> (String, Int) {
        var host = authority
        var port: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw invalid("the IPv6 address has no closing ]") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let tail = authority[authority.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { throw invalid("after ] only a port may follow") }
            port = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = authority.lastIndex(of: ":") {
            host = authority[..<colon]
            port = authority[authority.index(after: colon)...]
            guard !host.contains(":") else { throw invalid("an IPv6 address stands in brackets: [::1]") }
        }
        guard !host.isEmpty else { throw invalid("it has no host") }
        guard let port else { return (try decoded(host, "the host"), 6379) }
        guard let number = wholeNumber(port), (1...65535).contains(number) else {
            throw invalid("the port is not a number from 1 to 65535")
        }
        return (try decoded(host, "the host"), number)
    }

    private static func databaseNumber(_ text: Substring) throws(RedisError) -> Int {
        if text.isEmpty { return 0 }
        guard let number = wholeNumber(text), (0...1_000_000).contains(number) else {
            throw invalid("the database is not a whole number from 0")
        }
        return number
    }

    private static func queryItems(_ query: Substring) throws(RedisError) -> [(String, String)] {
        var items: [(String, String)] = []
        for item in query.split(separator: "&") {
            guard let equals = item.firstIndex(of: "=") else { throw invalid("a query item has no value") }
            let value = try decoded(item[item.index(after: equals)...], "a query item")
            items.append((String(item[..<equals]), value))
        }
        return items
    }

    private static func decoded(_ text: Substring, _ part: String) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue),
                high + low > 0
            else { throw invalid("\(part) has a bad percent-encoding") }
            bytes.append(high << 4 | low)
        }
        guard let result = String(validating: bytes, as: UTF8.self) else { throw invalid("\(part) is not UTF-8") }
        return result
    }

    /// Digits only: `Int` would also accept a sign.
    private static func wholeNumber(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map { UInt8($0) }
    }

    private static func invalid(_ why: String) -> RedisError {
        RedisError(.invalidURL, "the Redis URL is not valid: \(why)")
    }
}
