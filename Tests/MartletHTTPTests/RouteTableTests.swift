// The table of routes as a whole: no path means two things, and no job has an id that its path cannot hold.

import HTTPTypes
import MartletJobs
import NIOHTTP1
import TestSupport
import Testing

@testable import MartletHTTP

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

    @Test func `an id may be no word that stands in its place, and a queue's name has none in its place`() {
        #expect(Self.words(besides: "{id}") == JobID.reserved)
        #expect(Self.words(besides: "{queue}").isEmpty)
    }

    @Test func `a path without parameters answers to the methods of its own routes and no others`() async throws {
        try await withServer { server in
            for (path, routes) in Dictionary(grouping: Route.all, by: \.template) where !path.contains("{") {
                let methods = Set(routes.map(\.method.rawValue))
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] where !methods.contains(method) {
                    let answer = try await server.send(HTTPMethod(rawValue: method), path)
                    #expect(answer.status == 405, "\(method) \(path)")
                    let heads = methods.contains("GET") ? ["HEAD", "OPTIONS"] : ["OPTIONS"]
                    let allowed = answer.headers.first(name: "allow")?.split(separator: ", ").map(String.init)
                    #expect(Set(allowed ?? []) == methods.union(heads), "\(method) \(path)")
                }
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
