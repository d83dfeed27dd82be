// The table of routes as a whole: no path means two things, and no job has an id that its path cannot hold.

import HTTPTypes
import Logging
import MartletJobs
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

extension Route {
    /// The method with which a test asks: a stream that nobody ends is asked for its head alone.
    var endingMethod: HTTPMethod { isStream ? .HEAD : HTTPMethod(rawValue: method.rawValue) }
}

@Suite struct RouteTableTests {
    private static func segments(_ template: String) -> [String] {
        template.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
    }

    private static func isParameter(_ segment: String) -> Bool { segment.hasPrefix("{") }

    /// The words that stand in one template where another one that fits the same path has this parameter.
    private static func words(besides parameter: String) -> Set<String> {
        let all = Set(Route.all.map(\.template)).map(segments)
        var words: Set<String> = []
        for one in all {
            for (place, segment) in one.enumerated() where segment == parameter {
                for other in all where other.count == one.count && !isParameter(other[place]) {
                    let fits = zip(one, other).enumerated().allSatisfy { index, pair in
                        index == place || pair.0 == pair.1 || isParameter(pair.0) || isParameter(pair.1)
                    }
                    if fits { words.insert(other[place]) }
                }
            }
        }
        return words
    }

    @Test
    func `an id must not be a word of a path in its place, and no such word stands in the place of a queue's name`() {
        #expect(Self.words(besides: "{id}") == JobID.reserved)
        #expect(Self.words(besides: "{queue}").isEmpty)
    }

    /// A path that a template fits.
    private static func path(_ template: String) -> String {
        template.replacing("{id}", with: "some-id").replacing("{queue}", with: "q")
            .replacing("{code}", with: "not-found").replacing("{worker}", with: "w")
            .replacing("{key}", with: "host:a")
            .replacing("{token}", with: "q~some-id~1~\(String(repeating: "0", count: 48))")
    }

    private static let paths = Dictionary(grouping: Route.all, by: \.template).sorted { $0.key < $1.key }

    @Test func `each route has a unique method and path`() {
        #expect(Set(Route.all.map(\.name)).count == Route.all.count)
        for (template, routes) in Self.paths {
            let match = RouteMatcher(Route.all).match(Self.path(template))
            #expect(match?.path.template == template)
            #expect(Set(match?.path.routes.map(\.name) ?? []) == Set(routes.map(\.name)))
        }
    }

    @Test func `a path answers the methods of its routes, and names them for other methods`()
        async throws
    {
        try await withServer { server in
            for (template, routes) in Self.paths {
                let methods = Set(routes.map(\.method.rawValue))
                let allowed = methods.union(methods.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"])
                func allow(_ method: String) async throws -> (status: Int, methods: Set<String>) {
                    let answer = try await server.send(HTTPMethod(rawValue: method), Self.path(template))
                    let words = answer.headers.first(name: "allow")?.split(separator: ", ").map(String.init)
                    return (answer.status, Set(words ?? []))
                }
                let options = try await allow("OPTIONS")
                #expect(options.status == 204 && options.methods == allowed, "\(template)")
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] where !methods.contains(method) {
                    let other = try await allow(method)
                    #expect(other.status == 405 && other.methods == allowed, "\(method) \(template)")
                }
            }
        }
    }

    @Test func `logs name each route by its template, and polled ones only where they fail`() async throws {
        let lines = LogLines(.debug)
        try await withServer(logger: lines.logger) { server in
            for route in Route.all {
                let before = lines.all.count
                _ = try await server.send(route.endingMethod, Self.path(route.template))
                let line = try #require(lines.all.dropFirst(before).first { $0.hasPrefix("request ") })
                #expect(line.contains("route=\(route.template) "), "\(route.name): \(line)")
            }
        }
        let shown = LogLines(.info)
        try await withServer(logger: shown.logger) { server in
            for route in Route.all where route.isPolled { _ = try await server.get(route.template) }
            _ = try await server.get("/livez?x=1")
        }
        let requests = shown.all.filter { $0.hasPrefix("request ") }
        #expect(requests.allSatisfy { !$0.contains("status=200") }, "\(requests)")
        #expect(requests.contains { $0.contains("route=/livez status=422") }, "\(requests)")
    }

    @Test func `every route is in a guide`() throws {
        let text = try Guides.pages().map { try Guides.text(of: $0) }.joined()
        for (template, _) in Self.paths { #expect(text.contains(template), "\(template)") }
    }

    @Test func `every route refuses parameters that it does not name, and bodies that its rule does not take`()
        async throws
    {
        try await withServer { server in
            for route in Route.all {
                let (method, path) = (HTTPMethod(rawValue: route.method.rawValue), Self.path(route.template))
                let unknown = try await server.send(method, path + "?nobody_knows_it=1")
                #expect(unknown.status == 422 && unknown.pointers == ["?nobody_knows_it"], "\(route.name)")
                guard route.body.shape != nil else { continue }
                let broken = try await server.send(method, path, "{")
                #expect(broken.status == 400 && broken["code"] == "malformed-json", "\(route.name)")
                let foreign = try await server.send(method, path, "{}", type: "text/plain")
                #expect(foreign.status == 415, "\(route.name)")
                let lines = try await server.send(method, path, "{", type: "application/x-ndjson")
                #expect((lines.status == 415) == (route.body.lineShape == nil), "\(route.name): \(lines.status)")
                let missing = try await server.send(method, path)
                #expect((missing.status == 415) == !route.body.isOptional, "\(route.name): \(missing.status)")
            }
        }
    }

    @Test(arguments: JobID.reserved.sorted())
    func `an id that is a word of a path is refused wherever a job is pushed or named`(word: String) async throws {
        try await withServer { server in
            let job = "{\"type\":\"t\",\"id\":\"\(word)\"}"
            let one = try await server.post("/api/v1/jobs", job)
            #expect(one.status == 422 && one.pointers == ["/id"], "\(one.text)")
            let many = try await server.post("/api/v1/jobs/bulk", "{\"jobs\":[\(job)]}")
            #expect(many.status == 422 && many.pointers == ["/jobs/0/id"], "\(many.text)")
            #expect(try await server.post("/api/v1/jobs/\(word)/cancel").status == 422)
            #expect(throws: JobIDError.self) { try JobID(validating: word) }
            #expect(try await server.get("/api/v1/stats").int("total_jobs") == 0)
        }
    }
}
