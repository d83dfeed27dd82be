// Finds the route of a request, or says why there is none.

import HTTPTypes

/// A route with the parameters of one request's path.
struct RouteMatch: Sendable {
    let route: Route
    let parameters: [String: String]
}

/// Looks routes up by the segments of a path; a fixed segment wins over a parameter.
struct RouteMatcher: Sendable {
    private struct Path: Sendable {
        let segments: [String]
        var routes: [Route]

        /// How much of the path is fixed: the more, the earlier it is tried.
        var fixed: Int { segments.count { !$0.hasPrefix("{") } }

        func parameters(of asked: [String]) -> [String: String]? {
            var parameters: [String: String] = [:]
            for (segment, text) in zip(segments, asked) {
                if segment.hasPrefix("{") {
                    parameters[String(segment.dropFirst().dropLast())] = text
                } else if segment != text {
                    return nil
                }
            }
            return parameters
        }
    }

    /// The paths by their number of segments.
    private let paths: [Int: [Path]]

    init(_ routes: [Route]) {
        var paths: [Int: [Path]] = [:]
        for (template, routes) in Dictionary(grouping: routes, by: \.template) {
            let path = Path(segments: Self.segments(template), routes: routes)
            paths[path.segments.count, default: []].append(path)
        }
        self.paths = paths.mapValues { $0.sorted { $0.fixed > $1.fixed } }
    }

    /// The route of a method and a path; one slash at the end changes nothing.
    func match(_ method: HTTPRequest.Method, _ path: String) throws(Problem) -> RouteMatch {
        let asked = Self.segments(path).map(Self.unescaped)
        let wanted = method == .head ? .get : method
        var there: [HTTPRequest.Method] = []
        for path in paths[asked.count] ?? [] {
            guard let parameters = path.parameters(of: asked) else { continue }
            if let route = path.routes.first(where: { $0.method == wanted }) {
                return RouteMatch(route: route, parameters: parameters)
            }
            there += path.routes.map(\.method)
        }
        if there.isEmpty { throw .notFound("there is nothing at this path") }
        throw Self.notAllowed(there)
    }

    private static func notAllowed(_ there: [HTTPRequest.Method]) -> Problem {
        var allowed = Set(there.map(\.rawValue))
        if allowed.contains("GET") { allowed.insert("HEAD") }
        let list = allowed.sorted().joined(separator: ", ")
        return Problem(.methodNotAllowed, "method-not-allowed", "this path answers to \(list)").with(.allow, list)
    }

    private static func segments(_ path: String) -> [String] {
        var segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        if segments.count > 1, segments.last == "" { segments.removeLast() }
        return segments
    }

    /// A segment without its percent signs; one that is broken matches nothing but a parameter, which refuses it.
    private static func unescaped(_ segment: String) -> String {
        guard segment.utf8.contains(UInt8(ascii: "%")) else { return segment }
        var bytes: [UInt8] = []
        var rest = Array(segment.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = Hex.bytes(String(decoding: rest.prefix(2), as: UTF8.self)) else {
                return "%"
            }
            bytes += value
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self) ?? "%"
    }
}
