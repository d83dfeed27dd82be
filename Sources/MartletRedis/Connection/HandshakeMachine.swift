// The state machine of a new connection: authentication, database, readiness. Pure.

/// The handshake of a new connection.
///
/// All requests are sent in one write and answered in order. PING is last, because a server that is loading its data or
/// has lost its primary accepts a login but no command. The owner's first requests follow it.
struct HandshakeMachine: ~Copyable {
    enum Step: Equatable { case authenticate, select, setName, clientID, ping, look }

    enum Action {
        /// More replies are outstanding.
        case wait
        /// The connection is ready; the number is the server's client id, if requested.
        case ready(clientID: Int?)
        case fail(RedisError)
    }

    let requests: [RedisRequest]
    private var steps: ArraySlice<Step>
    private var clientID: Int?
    /// The replies to the owner's first requests.
    private(set) var seen: [RedisValue] = []
    private let password: Secret?

    init(_ configuration: RedisConfiguration, look: [RedisRequest] = []) {
        var requests: [(Step, RedisRequest)] = []
        if let user = configuration.user {
            requests.append((.authenticate, .command("AUTH", user, configuration.password?.value ?? "")))
        } else if let password = configuration.password {
            requests.append((.authenticate, .command("AUTH", password.value)))
        }
        if configuration.database != 0 {
            requests.append((.select, .command("SELECT", String(configuration.database))))
        }
        if let name = configuration.clientName {
            requests.append((.setName, .command("CLIENT", "SETNAME", Self.acceptable(name))))
        }
        if configuration.asksForClientID { requests.append((.clientID, .command("CLIENT", "ID"))) }
        requests.append((.ping, .command("PING")))
        requests += look.map { (.look, $0) }
        self.requests = requests.map(\.1)
        steps = requests.map(\.0)[...]
        password = configuration.password
    }

    /// Processes the next reply.
    mutating func receive(_ value: RedisValue) -> Action {
        guard let step = steps.popFirst() else {
            return .fail(RedisError(.protocolError, "the server sent an unexpected reply"))
        }
        if case .error(let text) = value, let error = failure(step, text) { return .fail(error) }
        switch step {
        case .clientID: clientID = value.int
        case .look: seen.append(value)
        case .authenticate, .select, .setName, .ping: break
        }
        return steps.isEmpty ? .ready(clientID: clientID) : .wait
    }

    /// The error replies that end the connection.
    ///
    /// A client name or id that the ACL denies is optional, and a busy or read-only server is still usable.
    private func failure(_ step: Step, _ text: String) -> RedisError? {
        let text = password?.hidden(in: text) ?? text
        let error = RedisError(reply: text)
        if text.hasPrefix("ERR max number of clients") || text.hasPrefix("DENIED") {
            return RedisError(.connectionFailed, error.message)
        }
        switch (step, error.code) {
        case (_, .authentication): return Self.refused(text)
        case (_, .loading), (_, .masterDown): return error
        case (.authenticate, _): return Self.refused(text)
        case (.select, _): return RedisError(.connectionFailed, error.message)
        case (.setName, _), (.clientID, _), (.ping, _), (.look, _): return nil
        }
    }

    /// A refused log-in in our own words.
    private static func refused(_ text: String) -> RedisError {
        let reason =
            if text.hasPrefix("NOAUTH") {
                "Redis requires a password"
            } else if text.hasPrefix("WRONGPASS") {
                "Redis refused the user or the password"
            } else if text.hasPrefix("ERR AUTH") {
                "Redis has no password for the default user, so it refused ours"
            } else {
                "Redis refused the log-in"
            }
        return RedisError(.authentication, reason)
    }

    /// Redis accepts only printable characters without spaces in a client name.
    private static func acceptable(_ name: String) -> String {
        String(decoding: name.utf8.map { (33...126).contains($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
    }
}
