// Finds the routes of a path.

import HTTPTypes
import MartletJobs

/// A path of the route table, with its routes.
struct RoutePath: Sendable {
    /// The path with parameters in braces; the label in logs and metrics.
    let template: String
    /// The routes, one per method.
    let routes: [Route]
    /// The methods that the path supports, separated by commas.
    let allowed: String

    fileprivate let segments: [Segment]
    /// The number of fixed segments; paths with more are tried first.
    fileprivate let fixed: Int

    fileprivate enum Segment: Sendable, Equatable {
        case fixed(String)
        case parameter(String)

        init(_ text: String) {
            self = text.hasPrefix("{") ? .parameter(String(text.dropFirst().dropLast())) : .fixed(text)
        }
    }

    fileprivate init(_ template: String, _ routes: [Route]) {
        self.template = template
        self.routes = routes
        allowed = Self.allowed(routes)
        segments = RouteMatcher.segments(template).map(Segment.init)
        fixed = segments.count { if case .fixed = $0 { true } else { false } }
    }

    /// The route of a method; throws 405 with `Allow` for an unsupported method.
    func route(_ method: HTTPRequest.Method) throws(HTTPProblem) -> Route {
        let wanted = method == .head ? .get : method
        if let route = routes.first(where: { $0.method == wanted }) { return route }
        throw HTTPProblem(.methodNotAllowed, "this path answers to \(allowed)")
            .with(.allow, allowed)
    }

    /// The methods of routes, with `OPTIONS`, and `HEAD` where there is `GET`.
    fileprivate static func allowed(_ routes: [Route]) -> String {
        var methods = Set(routes.map(\.method.rawValue))
        methods.insert("OPTIONS")
        if methods.contains("GET") { methods.insert("HEAD") }
        return methods.sorted().joined(separator: ", ")
    }

    fileprivate func parameters(of asked: [String]) -> [String: String]? {
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

/// Finds paths by their segments.
///
/// A fixed segment takes precedence over a parameter, whatever the method: `/jobs/bulk` is never the job `bulk`. Such
/// words are not valid ids (`JobID.reserved`), so every job can be addressed.
struct RouteMatcher: Sendable {
    /// A path of the table with the parameters of a request.
    struct Match: Sendable {
        let path: RoutePath
        let parameters: [String: String]
    }

    /// The methods that the server supports at any path, separated by commas.
    let allowedAnywhere: String
    /// The paths without parameters.
    private let plain: [String: RoutePath]
    /// All paths by number of segments.
    private let paths: [Int: [RoutePath]]

    init(_ routes: [Route]) {
        let all = Dictionary(grouping: routes, by: \.template).map { RoutePath($0, $1) }
        allowedAnywhere = RoutePath.allowed(routes)
        paths = Dictionary(grouping: all) { $0.segments.count }.mapValues { $0.sorted { $0.fixed > $1.fixed } }
        plain = Dictionary(uniqueKeysWithValues: all.filter { $0.fixed == $0.segments.count }.map { ($0.template, $0) })
    }

    /// The matching path; `nil` if there is none.
    ///
    /// A trailing slash is ignored.
    func match(_ path: String) -> Match? {
        if let plain = plain[path] { return Match(path: plain, parameters: [:]) }
        let asked = Self.segments(path).map(Self.unescaped)
        for path in paths[asked.count] ?? [] {
            if let parameters = path.parameters(of: asked) { return Match(path: path, parameters: parameters) }
        }
        return nil
    }

    fileprivate static func segments(_ path: String) -> [String] {
        var segments = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).dropFirst()
            .map { String(Substring($0)) }
        if segments.count > 1, segments.last == "" { segments.removeLast() }
        return segments
    }

    /// A percent-decoded segment; an invalid one becomes `%`, which only a parameter matches, and that refuses it.
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
