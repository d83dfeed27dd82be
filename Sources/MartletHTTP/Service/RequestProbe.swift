// The steps of a request without a server, for benchmarks.

import HTTPTypes
import MartletJSON
package import MartletQueue

/// Routes paths and reads bodies as the server does.
package struct RequestProbe: Sendable {
    private let matcher = RouteMatcher(Route.all)

    /// Creates a probe over all routes.
    package init() {}

    /// The template of the route for a `POST` to a path.
    package func route(postTo path: String) throws -> String {
        guard let match = matcher.match(path) else { throw HTTPProblem.nothingHere }
        return try match.path.route(.post).template
    }

    /// The job in a body of `POST /api/v1/jobs`; `nil` when it is refused.
    package func job(_ body: [UInt8]) throws -> NewJob? {
        let text = try JSONText(body)
        var fields = Fields(text, JobModel.itemShape)
        return JobModel(text, &fields, limit: 1 << 20, reserved: "download")?.job
    }

    /// The digest of a body, independent of whitespace and key order.
    package func digest(_ body: [UInt8]) throws -> String { RequestDigest.of(try JSONText(body)) }
}
