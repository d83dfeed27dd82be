// The steps of a request without a server, for the tools that measure what they cost.

import HTTPTypes
package import MartletQueue

/// Routes paths and reads bodies as the server does.
package struct RequestProbe: Sendable {
    private let matcher = RouteMatcher(Route.all)

    /// A probe over all routes.
    package init() {}

    /// The template of the route that answers a `POST` to a path.
    package func route(postTo path: String) throws -> String { try matcher.match(.post, path).route.template }

    /// The job that a body of `POST /api/v1/jobs` describes; `nil` when it is refused.
    package func job(_ body: [UInt8]) throws -> NewJob? {
        let text = try JSONText(body)
        var fields = Fields(text)
        return JobModel(text, &fields, limit: 1 << 20, reserved: "download")?.job
    }

    /// The digest of a body, whatever its spacing and the order of its keys.
    package func digest(_ body: [UInt8]) throws -> String { RequestDigest.of(try JSONText(body)) }
}
