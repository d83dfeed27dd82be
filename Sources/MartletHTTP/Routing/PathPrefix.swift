// The path under which a proxy shows the server.

import MartletJobs

/// What stands before the paths of all routes for clients of a proxy, such as `/martlet`; empty without one.
struct PathPrefix: Sendable {
    let text: String

    /// The path of a route in a requested path: without the prefix, if it has it.
    ///
    /// A proxy may take the prefix away or pass it on, so both are answered.
    func removed(from path: String) -> String {
        guard !text.isEmpty, path.utf8.starts(with: text.utf8) else { return path }
        let rest = path.utf8.dropFirst(text.utf8.count)
        guard let next = rest.first else { return "/" }
        return next == UInt8(ascii: "/") ? String(Substring(rest)) : path
    }

    /// Whether a text can be a prefix: segments of unreserved characters, and the first of them begins no route.
    static func isValid(_ text: String) -> Bool {
        let segments = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count > 1, segments[0].isEmpty, text.utf8.count <= 200 else { return false }
        let areValid = segments.dropFirst().allSatisfy { segment in
            !segment.isEmpty && segment.allSatisfy(Percent.isUnreserved)
                && !segment.allSatisfy { $0 == UInt8(ascii: ".") }
        }
        return areValid && !routes.contains(String(Substring(segments[1])))
    }

    /// The first segments of all routes.
    private static let routes = Set(
        (Route.all + Route.pages).map { String($0.template.dropFirst().prefix { $0 != "/" }) })
}
