// Serves the dashboard: the page, its files, and what they need to know of the program.

import HTTPTypes
import MartletDashboard
import MartletJSON
import MartletQueue

extension Route {
    /// The pages for people.
    ///
    /// They are no part of the API and its description, and hold no data, so they are public.
    static let pages: [Route] = [
        page("/") { try $0.home($1) },
        page("/ui") { $0.dashboardPage($1) },
        page("/ui/facts.json") { $0.dashboardFacts($1) },
        page("/ui/{version}/{file}") { try $0.dashboardFile($1) },
        page("/ui/{version}/{folder}/{file}") { try $0.dashboardFile($1) },
    ]

    private static func page(_ template: String, handler: @escaping Handler) -> Route {
        Route(
            .get, template, nil, isPolled: true, about: RouteDescription("", .system, "The dashboard", answers: []),
            handler: handler)
    }
}

extension API {
    /// What the page may load and do: only what this server serves, in no frame, and no inline script or style.
    private static let contentPolicy = """
        default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
        frame-ancestors 'none'
        """

    /// Sends browsers to the dashboard.
    func home(_ call: Call) throws -> Reply {
        guard call.headers.value(of: .accept)?.contains("text/html") ?? false else { throw HTTPProblem.nothingHere }
        // Where the prefix is known, the request may lack the slash behind it.
        return Self.redirect(to: settings.pathPrefix.isEmpty ? "ui/" : "/ui/")
    }

    /// The page; its addresses are relative to a path that ends with a slash.
    func dashboardPage(_ call: Call) -> Reply {
        guard call.path.hasSuffix("/") else { return Self.redirect(to: "ui/") }
        return Self.served(Self.page, call)
    }

    /// Names the content of all files: where one of them changes, the page names them by other addresses.
    private static let version = RequestDigest.of(Dashboard.files.flatMap(\.bytes))
    private static let page = Dashboard.page(filesIn: version)

    func dashboardFile(_ call: Call) throws -> Reply {
        let path = [call.parameters["folder"], call.parameters["file"]].compactMap(\.self).joined(separator: "/")
        guard let file = Dashboard.file(at: path) else { throw HTTPProblem.nothingHere }
        return Self.served(file, call, isKept: call.parameters["version"] == Self.version)
    }

    /// What no route of the API tells: the version, the verbs that have an effect in each state, and the limits of fields.
    func dashboardFacts(_ call: Call) -> Reply {
        let states = JobState.allCases.map { state in
            JSONOutput.object([
                "state": .string(state.rawValue), "index": .string(state.index.rawValue),
                "final": .bool(state.isFinal), "download": .string(state.downloadStatus),
                "verbs": .array(state.allowedVerbs.map { .string($0) }),
            ])
        }
        let facts = JSONOutput.object([
            "version": .string(settings.version), "states": .array(states),
            "durabilities": .array(Durability.allCases.map { .string($0.rawValue) }),
            "download_concurrency": [
                .int(settings.concurrencyRange.lowerBound), .int(settings.concurrencyRange.upperBound),
            ],
        ])
        let bytes = facts.bytes
        return Self.served(bytes, "application/json", digest: RequestDigest.of(bytes), call)
    }

    /// A relative address is right behind a proxy that adds a prefix which the server does not know.
    private static func redirect(to path: String) -> Reply {
        Reply([], type: "", status: .seeOther).with(.location, path)
    }

    private static func served(_ file: DashboardFile, _ call: Call, isKept: Bool = false) -> Reply {
        served(file.bytes, file.type, digest: digests[file.path] ?? RequestDigest.of(file.bytes), call, isKept: isKept)
    }

    /// The digests of all files, which never change.
    private static let digests = Dictionary(
        ([page] + Dashboard.files).map { ($0.path, RequestDigest.of($0.bytes)) }, uniquingKeysWith: { $1 })

    /// Browsers keep what never changes at its address, and ask for all else each time.
    ///
    /// A page of another version, in the middle of an upgrade, gets this version's file, which nobody keeps at that address.
    private static func served(
        _ bytes: [UInt8], _ type: String, digest: String, _ call: Call, isKept: Bool = false
    ) -> Reply {
        var reply = Reply(bytes, type: type)
        reply.cacheControl = isKept ? "public, max-age=31536000, immutable" : "no-cache"
        return tagged(reply, digest, call).with(.contentSecurityPolicy, contentPolicy)
            .with(.referrerPolicy, "same-origin").with(.resourcePolicy, "same-origin")
    }
}
