// Sessions of browsers: a token is entered once and comes back as a cookie.

import HTTPTypes
import MartletJSON

extension Route {
    /// The routes of `/api/session`.
    static let sessions: [Route] = [
        Route(.get, "/api/session", Set(Role.allCases), about: .getSession) { api, call in
            api.session(of: call.caller)
        },
        Route(.post, "/api/session", nil, body: .json(SessionView.login), recording: .session, about: .login) {
            try $0.login($1)
        },
        Route(.delete, "/api/session", nil, recording: .session, about: .logout) { api, _ in api.logout() },
    ]
}

/// The descriptions of sessions.
enum SessionView {
    static let token = Field.text("token", length: 1...1024, "The token.", required: true)
    static let login = ObjectShape(body: "Login", "A token that a person has entered.", [token])

    static let session = ObjectShape(
        "Session", "Who the caller is.",
        [
            .always("name", .text, "The name of the token."),
            .always("needs_token", .flag, "Whether the server has tokens."),
            .always("roles", .list(.words(Role.self)), "What the token allows."),
            .always("queues", .text, "The queues that it has access to, with `*` for any characters."),
        ])
    static let end = ObjectShape(
        "SessionEnd", "The end of a session.", [.always("status", .words(["ended"]), "`ended`.")])
}

extension RouteDescription {
    static var getSession: RouteDescription {
        RouteDescription(
            "getSession", .system, "See who the caller is", "The token's name, roles and queues.",
            answers: [.ok(.object(SessionView.session), "The caller.")],
            examples: [RouteExample("session", "The caller")])
    }

    static var login: RouteDescription {
        RouteDescription(
            "login", .system, "Begin a session of a browser",
            "Where the server has tokens, it sets a cookie that stands for the token: `HttpOnly`, `SameSite=Strict`, for a week.",
            answers: [.ok(.object(SessionView.session), "The session has begun.")],
            problems: [.unauthorized, .tooManyFailures],
            examples: [RouteExample("login", "A token", body: #"{"token":"mt_example"}"#)])
    }

    static var logout: RouteDescription {
        RouteDescription(
            "logout", .system, "End the session of a browser", "It removes the cookie.",
            answers: [.ok(.object(SessionView.end), "The session has ended.")],
            examples: [RouteExample("logout", "The end")])
    }
}

extension API {
    /// The name, roles and queues of the caller's token.
    func session(of caller: Caller) -> Reply {
        Reply(
            .object([
                "name": .string(caller.name), "needs_token": .bool(!authenticator.isOpen),
                "roles": .array(Role.allCases.filter(caller.roles.contains).map { .string($0.rawValue) }),
                "queues": .string(caller.queues.description),
            ]))
    }

    /// Sets the cookie for a valid token; on a server without tokens there is nothing to set.
    func login(_ call: Call) throws -> Reply {
        var fields = try call.fields()
        let token = fields.read(SessionView.token)
        try fields.done()
        guard let token else { throw HTTPProblem.invalid("/token", "is required") }
        let reply = session(of: try authenticator.caller(presenting: token, from: call.address))
        guard !authenticator.isOpen else { return reply }
        // The page's own address tells whether the browser uses TLS, also behind a proxy that ends it.
        let isSecure = usesTLS || call.headers.value(of: .origin)?.hasPrefix("https://") ?? false
        return reply.with(.setCookie, SessionCookie.set(token, isSecure: isSecure))
    }

    /// Removes the cookie.
    func logout() -> Reply { Reply(.object(["status": "ended"])).with(.setCookie, SessionCookie.cleared) }
}
