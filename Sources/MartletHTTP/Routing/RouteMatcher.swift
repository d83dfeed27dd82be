// Finds the route of a request, or the reason why there is none.

import HTTPTypes

/// A route with the parameters of a request's path.
struct RouteMatch: Sendable {
    let route: Route
    let parameters: [String: String]
}

/// Finds routes by path segments.
///
/// A fixed segment takes precedence over a parameter, whatever the method: `/jobs/bulk` is never the job `bulk`. Such
/// words are not valid ids (`JobID.reserved`), so every job can be addressed.
struct RouteMatcher: Sendable {
    private enum Segment: Sendable, Equatable {
        case fixed(String)
        case parameter(String)

        init(_ text: String) {
            self = text.hasPrefix("{") ? .parameter(String(text.dropFirst().dropLast())) : .fixed(text)
        }
    }

    private struct Path: Sendable {
        let segments: [Segment]
        var routes: [Route]

        /// The number of fixed segments: more are tried first.
        let fixed: Int

        init(_ template: String, _ routes: [Route]) {
            segments = RouteMatcher.segments(template).map(Segment.init)
            self.routes = routes
            fixed = segments.count { if case .fixed = $0 { true } else { false } }
        }

        func parameters(of asked: [String]) -> [String: String]? {
            var parameters: [String: String] = [:]
            for (segment, text) in zip(segments, asked) {
                switch segment {
                case .fixed(let fixed): if fixed != text { return nil }
                case .parameter(let name): parameters[name] = text
                }
            }
            return parameters
        }
    }

    /// The paths without parameters, in their usual spelling.
    private let plain: [String: Path]
    /// The paths by number of segments.
    private let paths: [Int: [Path]]

    init(_ routes: [Route]) {
        let all = Dictionary(grouping: routes, by: \.template).map { Path($0, $1) }
        paths = Dictionary(grouping: all) { $0.segments.count }.mapValues { $0.sorted { $0.fixed > $1.fixed } }
        plain = Dictionary(
            uniqueKeysWithValues: all.filter { $0.fixed == $0.segments.count }.map { ($0.routes[0].template, $0) })
    }

    /// The route for a method and path; one trailing slash is ignored.
    func match(_ method: HTTPRequest.Method, _ path: String) throws(HTTPProblem) -> RouteMatch {
        let wanted = method == .head ? .get : method
        if let route = plain[path]?.routes.first(where: { $0.method == wanted }) {
            return RouteMatch(route: route, parameters: [:])
        }
        if let (path, parameters) = found(at: path), let route = path.routes.first(where: { $0.method == wanted }) {
            return RouteMatch(route: route, parameters: parameters)
        }
        let list = try allowed(at: path)
        throw HTTPProblem(.methodNotAllowed, "method-not-allowed", "this path answers to \(list)").with(.allow, list)
    }

    /// The methods that a path supports, separated by commas; `*` is the whole server.
    func allowed(at path: String) throws(HTTPProblem) -> String {
        let routes = path == "*" ? paths.values.flatMap { $0.flatMap(\.routes) } : found(at: path)?.path.routes ?? []
        if routes.isEmpty { throw .notFound("there is nothing at this path") }
        var allowed = Set(routes.map(\.method.rawValue))
        allowed.insert("OPTIONS")
        if allowed.contains("GET") { allowed.insert("HEAD") }
        return allowed.sorted().joined(separator: ", ")
    }

    /// The matching path with the most fixed segments.
    private func found(at text: String) -> (path: Path, parameters: [String: String])? {
        let asked = Self.segments(text).map(Self.unescaped)
        for path in paths[asked.count] ?? [] {
            if let parameters = path.parameters(of: asked) { return (path, parameters) }
        }
        return nil
    }

    private static func segments(_ path: String) -> [String] {
        var segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
            .map { String(Substring($0)) }
        if segments.count > 1, segments.last == "" { segments.removeLast() }
        return segments
    }

    /// A percent-decoded segment; an invalid one matches only a parameter, which refuses it.
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
